package train

import (
	"fmt"
	"math"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"

	"github.com/kafisto/kafisto"
	"github.com/kafisto/kafisto/internal/runlog"
)

// graphs holds the compiled training and evaluation steps of a run.
type graphs struct {
	step, evaluate *model.Exec
}

// newGraphs prepares the graphs; they are built and compiled with their first
// batch.
func newGraphs(backend compute.Backend, store *model.Store, p Problem, o Optimizer) (*graphs, error) {
	modelFn := kafisto.Model(o.Interface, p.Model)
	lossFn := kafisto.Loss(o.Interface, p.Losses)
	step, err := model.NewExec(backend, store, func(scope *model.Scope, batch []*graph.Node) *graph.Node {
		g := batch[0].Graph()
		scope.SetTraining(g, true)
		inputs, labels := batch[:1], batch[1:]
		loss := lossFn(labels, modelFn(scope, nil, inputs))
		o.UpdateGraph(scope, g, loss)
		return graph.Stack(append([]*graph.Node{float64Of(loss)}, o.report(g)...), 0)
	})
	if err != nil {
		return nil, fmt.Errorf("train: %w", err)
	}
	evaluate, err := model.NewExec(backend, store, func(scope *model.Scope, batch []*graph.Node) *graph.Node {
		scope.SetTraining(batch[0].Graph(), false)
		inputs, labels := batch[:1], batch[1:]
		predictions := modelFn(scope, nil, inputs)
		losses := p.Losses(labels, predictions)
		sums := []*graph.Node{
			graph.ReduceAllSum(float64Of(losses)),
			graph.Scalar(batch[0].Graph(), dtypes.Float64, losses.Shape().Size()),
		}
		if p.Wrong != nil {
			top1, top5 := p.Wrong(labels, predictions)
			sums = append(sums, top1, top5)
		}
		return graph.Stack(sums, 0)
	})
	if err != nil {
		return nil, fmt.Errorf("train: %w", err)
	}
	return &graphs{step.WithName("training step"), evaluate.WithName("evaluation step")}, nil
}

func float64Of(x *graph.Node) *graph.Node { return graph.ConvertDType(x, dtypes.Float64) }

// close frees the compiled graphs.
func (g *graphs) close() {
	g.step.Finalize()
	g.evaluate.Finalize()
}

// train does one step and returns its record.
func (g *graphs) train(b Batch) (runlog.Step, error) {
	values, err := call(g.step, b)
	if err != nil {
		return runlog.Step{}, err
	}
	return record(values[0], values[1:]), nil
}

// call runs a graph that returns one Float64 vector, and frees the batch.
func call(exec *model.Exec, b Batch) ([]float64, error) {
	defer b.finalize()
	out, err := exec.Exec(b.arguments()...)
	if err != nil {
		return nil, fmt.Errorf("train: %w", err)
	}
	defer out[0].FinalizeAll() //nolint:errcheck // it was read
	values, err := tensors.CopyFlatData[float64](out[0])
	if err != nil {
		return nil, fmt.Errorf("train: %w", err)
	}
	return values, nil
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
