package train

import (
	"fmt"
	"math"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"
	gomlx "github.com/gomlx/gomlx/ml/train"

	"github.com/kafisto/kafisto"
	"github.com/kafisto/kafisto/internal/runlog"
)

// graphs holds the compiled training and evaluation steps of a run.
type graphs struct {
	step, evaluate *model.Exec
	inputs         int          // of the batch that is passed on: graphs are built with it
	check          func() error // of the variables after a batch of an evaluation; nil in a run
}

// newGraphs prepares the graphs; they are built and compiled with their first
// batch.
func newGraphs(backend compute.Backend, store *model.Store, p Problem, o Optimizer) (*graphs, error) {
	var made graphs
	modelFn := kafisto.Model(o.Interface, p.Model)
	lossFn := kafisto.Loss(o.Interface, p.Losses)
	step, err := model.NewExec(backend, store, func(scope *model.Scope, batch []*graph.Node) *graph.Node {
		g := batch[0].Graph()
		scope.SetTraining(g, true)
		inputs, labels := batch[:made.inputs], batch[made.inputs:]
		loss := lossFn(labels, modelFn(scope, nil, inputs))
		o.UpdateGraph(scope, g, loss)
		return graph.Stack(append([]*graph.Node{float64Of(loss)}, o.report(g)...), 0)
	})
	if err != nil {
		return nil, fmt.Errorf("train: %w", err)
	}
	evaluate, err := newEvaluation(backend, store, p, modelFn, &made.inputs)
	if err != nil {
		return nil, fmt.Errorf("train: %w", err)
	}
	made.step, made.evaluate = step.WithName("training step"), evaluate
	return &made, nil
}

// newEvaluation prepares the evaluation step, of batches with so many inputs: it
// returns a vector of the sum of the losses, their number and, where they mean
// something, the numbers of wrong guesses, and then what is carried.
func newEvaluation(backend compute.Backend, store *model.Store, p Problem, modelFn gomlx.ModelFn, inputs *int) (*model.Exec, error) {
	evaluate, err := model.NewExec(backend, store, func(scope *model.Scope, batch []*graph.Node) []*graph.Node {
		scope.SetTraining(batch[0].Graph(), false)
		predictions := modelFn(scope, nil, batch[:*inputs])
		labels := batch[*inputs:]
		var carried []*graph.Node
		if p.Carry != nil {
			carried = predictions[1:]
			predictions = predictions[:1]
		}
		losses := p.Losses(labels, predictions)
		sum, count := counted(float64Of(losses), labels)
		sums := []*graph.Node{sum, count}
		if p.Wrong != nil {
			top1, top5 := p.Wrong(labels, predictions)
			sums = append(sums, top1, top5)
		}
		return append([]*graph.Node{graph.Stack(sums, 0)}, carried...)
	})
	if err != nil {
		return nil, err
	}
	return evaluate.WithName("evaluation step"), nil
}

// counted is the sum and the number of the losses that count.
func counted(losses *graph.Node, labels []*graph.Node) (sum, count *graph.Node) {
	if len(labels) < 2 || labels[1].DType() != dtypes.Bool {
		return graph.ReduceAllSum(losses), graph.Scalar(losses.Graph(), dtypes.Float64, losses.Shape().Size())
	}
	counts := graph.Reshape(labels[1], losses.Shape().Dimensions...)
	sum = graph.ReduceAllSum(graph.Where(counts, losses, graph.ZerosLike(losses)))
	return sum, graph.ReduceAllSum(float64Of(counts))
}

func float64Of(x *graph.Node) *graph.Node { return graph.ConvertDType(x, dtypes.Float64) }

// close frees the compiled graphs.
func (g *graphs) close() {
	g.step.Finalize()
	g.evaluate.Finalize()
}

// train does one step and returns its record.
func (g *graphs) train(b Batch) (runlog.Step, error) {
	values, _, err := g.call(g.step, b)
	if err != nil {
		return runlog.Step{}, err
	}
	return record(values[0], values[1:]), nil
}

// evaluateBatch evaluates a batch that is carried on to from the one before, and
// returns the sums of newEvaluation, and what is carried on from it.
func (g *graphs) evaluateBatch(b Batch, carried []*tensors.Tensor) (sums []float64, next []*tensors.Tensor, err error) {
	b.Inputs = append(b.Inputs[:len(b.Inputs):len(b.Inputs)], carried...)
	return g.call(g.evaluate, b)
}

// call runs a graph that returns a Float64 vector and perhaps more, and frees the
// batch.
func (g *graphs) call(exec *model.Exec, b Batch) (values []float64, more []*tensors.Tensor, err error) {
	defer b.finalize()
	g.inputs = len(b.Inputs)
	out, err := exec.Exec(b.arguments()...)
	if err != nil {
		return nil, nil, fmt.Errorf("train: %w", err)
	}
	defer out[0].FinalizeAll() //nolint:errcheck // it was read
	values, err = tensors.CopyFlatData[float64](out[0])
	if err != nil {
		Batch{Inputs: out[1:]}.finalize()
		return nil, nil, fmt.Errorf("train: %w", err)
	}
	return values, out[1:], nil
}

// finite tells which quantity of a step is not finite, "" if all are.
func finite(s runlog.Step) string {
	quantities := map[string]float64{"loss": s.Loss, "gradient norm": s.GradientNorm, "effective learning rate": s.LearningRate[0] + s.LearningRate[1] + s.LearningRate[2]}
	order := []string{"loss", "gradient norm", "effective learning rate"}
	if f := s.Filter; f != nil {
		order = append(order, "measurement noise R", "state noise qx", "posterior covariance P")
		quantities["measurement noise R"], quantities["state noise qx"] = f.R, f.Qx
		for _, p := range f.P {
			quantities["posterior covariance P"] += p
		}
	}
	for _, name := range order {
		if v := quantities[name]; math.IsNaN(v) || math.IsInf(v, 0) {
			return fmt.Sprintf("the %s is %g", name, v)
		}
	}
	return ""
}
