package bench

import (
	"context"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"
	"github.com/gomlx/gomlx/support/exceptions"

	"github.com/kafisto/kafisto"
	"github.com/kafisto/kafisto/internal/engine"
	"github.com/kafisto/kafisto/internal/train"
	"github.com/kafisto/kafisto/models"
	"github.com/kafisto/kafisto/native"
)

// optimized is the network whose parameters the optimizers are timed on: 11.2
// million in 62 tensors.
var optimized = models.ResNet18(models.Config{Classes: 10})

// optimizerCases time an optimizer alone.
func optimizerCases() (cases []Case) {
	for _, name := range []string{"kafisto", "sgd", "adam"} {
		prepare := func(_ context.Context, e *engine.Engine, _ Options) (*work, error) {
			w, err := newOptimizerWork(e.Backend, name, optimized)
			if err != nil {
				return nil, err
			}
			return &work{step: w.step, items: 1, close: w.close}, nil
		}
		cases = append(cases, Case{
			Name: "optimizer/" + name, Unit: "steps",
			About: "step of " + name + " alone on ResNet-18's 11 million parameters in 62 tensors",
			measure: func(ctx context.Context, e *engine.Engine, o Options) (Measurement, error) {
				m, err := timed(prepare)(ctx, e, o)
				m.Optimizer = name
				return m, err
			},
		})
	}
	return cases
}

// exampleLosses is how many losses the optimizer measures R from.
const exampleLosses = 128

// newOptimizerWork is an optimizer's whole share of a training step on a
// network's parameters: for KaFiStO predict, observe and update.
//
// The gradients are inputs of the graph that stay on the device, as they would
// come from the network's backward pass: in memory, once. The loss is the mean
// of an input vector, and linked to the parameters by package gradient: automatic
// differentiation then hands the inputs to the optimizer as they are. The link
// is one number of each parameter times zero, 62 in all, and no pass over them.
//
// Where XLA compiles the filter's passes, predicted parameters are outputs of the
// graph, because a network would read them: without it the compiler would merge
// the prediction into the update and never write it, and KaFiStO would look a
// pass cheaper than it is. Kernels and the pure-Go engine merge nothing. The step's
// report (gradient norm and so on) is left out for every optimizer.
func newOptimizerWork(backend compute.Backend, name string, network models.Classifier) (*graphWork, error) {
	optimizer, err := newOptimizer(name, "", 0)
	if err != nil {
		return nil, err
	}
	parameters, err := parametersOf(backend, network)
	if err != nil {
		return nil, err
	}
	store := model.NewStore()
	if err := store.SetRNGStateFromSeed(seed); err != nil {
		return nil, err
	}
	inputs := []*tensors.Tensor{random(0.5, exampleLosses)}
	for _, p := range parameters {
		if _, err := store.CreateVariable(p.path, random(0.05, p.shape.Dimensions...)); err != nil {
			return nil, err
		}
		inputs = append(inputs, random(1e-3, p.shape.Dimensions...))
	}
	return newGraphWork(backend, store, inputs, buildOptimizer(optimizer, parameters))
}

// buildOptimizer builds newOptimizerWork's graph: its inputs are the examples'
// losses and each parameter's gradient.
func buildOptimizer(optimizer train.Optimizer, parameters []parameter) func(scope *model.Scope, inputs []*graph.Node) []*graph.Node {
	predict := kafisto.Model(optimizer.Interface, func(scope *model.Scope, inputs []*graph.Node) []*graph.Node {
		values := make([]*graph.Node, len(parameters))
		for i, p := range parameters {
			values[i] = scope.Store().GetVariable(p.path).NodeValue(inputs[0].Graph())
		}
		return values
	})
	observe := kafisto.Loss(optimizer.Interface, func(_, predictions []*graph.Node) *graph.Node {
		return graph.AddScalar(predictions[0], 1) // around 1, never 0
	})
	return func(scope *model.Scope, inputs []*graph.Node) []*graph.Node {
		predicted := predict(scope, nil, inputs)
		loss := linked(observe(inputs[:1], inputs[:1]), predicted, inputs[1:])
		optimizer.UpdateGraph(scope, inputs[0].Graph(), loss)
		outputs := []*graph.Node{loss}
		for _, value := range predicted {
			backend := value.Graph().Backend()
			moved := value.Type() != graph.NodeTypeParameter
			if moved && backend.String() != "go" && !native.Available(backend) {
				outputs = append(outputs, value)
			}
		}
		return outputs
	}
}

// parameter is a trainable variable of a network.
type parameter struct {
	path  string
	shape shapes.Shape
}

// parametersOf are a network's trainable variables, in the order of their use.
// It builds the network in a graph that is thrown away.
func parametersOf(backend compute.Backend, network models.Classifier) (parameters []parameter, err error) {
	err = exceptions.TryCatch[error](func() {
		store := model.NewStore()
		g := graph.NewGraph(backend, "bench: parameters")
		defer g.Finalize()
		model.SetStore(g, store)
		store.SetTraining(g, true)
		network(store.RootScope(), graph.Parameter(g, "images", shapes.Make(dtypes.Float32, 2, 32, 32, 3)))
		for v := range store.IterVariables() {
			if v.Trainable && v.DType().IsFloat() {
				parameters = append(parameters, parameter{v.Path(), v.Shape()})
			}
		}
	})
	return parameters, err
}
