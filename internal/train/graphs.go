package train

import (
	"context"
	"fmt"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"

	"github.com/kafisto/kafisto"
	"github.com/kafisto/kafisto/internal/runlog"
)

// trained is what a run trains: the compiled graphs of one network or of rivals.
type trained interface {
	// train does one step, frees the batch and returns the step's record.
	train(b Batch) (runlog.Step, error)
	// evaluate evaluates the store's parameters after that many steps, and returns
	// one record a split. Step and epoch are for the caller to set.
	evaluate(ctx context.Context, step int64) ([]runlog.Eval, error)
	// close frees the compiled graphs.
	close()
}

// prepare prepares the graphs of a problem; they are built and compiled when they
// are used first.
func prepare(backend compute.Backend, store *model.Store, p Problem, o Optimizer) (trained, error) {
	if p.Rivals != nil {
		return newDuel(backend, store, p, o)
	}
	return newGraphs(backend, store, p, o)
}

// graphs holds the compiled training and evaluation steps of one network.
type graphs struct {
	problem     Problem
	step, reads *model.Exec
	inputs      int          // of the batch that is passed on: graphs are built with it
	check       func() error // of the variables after a batch of an evaluation; nil in a run
}

func newGraphs(backend compute.Backend, store *model.Store, p Problem, o Optimizer) (*graphs, error) {
	made := graphs{problem: p}
	var err error
	if made.step, err = newStep(backend, store, Side{Model: p.Model, Losses: p.Losses}, o, &made.inputs); err == nil {
		made.reads, err = newEvaluation(backend, store, p, &made.inputs)
	}
	if err != nil {
		return nil, fmt.Errorf("train: %w", err)
	}
	return &made, nil
}

// newStep prepares the training step of a network, of batches with so many inputs:
// it returns a vector of the loss, what the side tells, and the optimizer's report.
func newStep(backend compute.Backend, store *model.Store, side Side, o Optimizer, inputs *int) (*model.Exec, error) {
	modelFn := kafisto.Model(o.Interface, side.Model)
	lossFn := kafisto.Loss(o.Interface, side.Losses)
	step, err := model.NewExec(backend, store, func(scope *model.Scope, batch []*graph.Node) *graph.Node {
		g := batch[0].Graph()
		scope.SetTraining(g, true)
		predictions := modelFn(scope, nil, batch[:*inputs])
		loss := lossFn(batch[*inputs:], predictions)
		o.UpdateGraph(scope, g, loss)
		values := []*graph.Node{float64Of(loss)}
		if side.Tell != nil {
			for _, value := range side.Tell(predictions) {
				values = append(values, float64Of(value))
			}
		}
		return graph.Stack(append(values, o.report(g)...), 0)
	})
	if err != nil {
		return nil, err
	}
	return step.WithName("training step"), nil
}

// newEvaluation prepares the evaluation step, of batches with so many inputs: it
// returns a vector of the sum of the losses, their number and, where they mean
// something, the numbers of wrong guesses, and then what is carried.
func newEvaluation(backend compute.Backend, store *model.Store, p Problem, inputs *int) (*model.Exec, error) {
	modelFn := kafisto.Model(nil, p.Model)
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

func (g *graphs) close() {
	g.step.Finalize()
	g.reads.Finalize()
}

func (g *graphs) train(b Batch) (runlog.Step, error) {
	g.inputs = len(b.Inputs)
	values, _, err := call(g.step, b)
	if err != nil {
		return runlog.Step{}, err
	}
	return record(values[0], values[1:]), nil
}

// evaluateBatch evaluates a batch that is carried on to from the one before, and
// returns the sums of newEvaluation, and what is carried on from it.
func (g *graphs) evaluateBatch(b Batch, carried []*tensors.Tensor) (sums []float64, next []*tensors.Tensor, err error) {
	b.Inputs = append(b.Inputs[:len(b.Inputs):len(b.Inputs)], carried...)
	g.inputs = len(b.Inputs)
	return call(g.reads, b)
}

// call runs a graph that returns a Float64 vector and perhaps more, and frees the
// batch.
func call(exec *model.Exec, b Batch) (values []float64, more []*tensors.Tensor, err error) {
	defer b.Finalize()
	out, err := exec.Exec(b.arguments()...)
	if err != nil {
		return nil, nil, fmt.Errorf("train: %w", err)
	}
	defer out[0].FinalizeAll() //nolint:errcheck // it was read
	values, err = tensors.CopyFlatData[float64](out[0])
	if err != nil {
		Batch{Inputs: out[1:]}.Finalize()
		return nil, nil, fmt.Errorf("train: %w", err)
	}
	return values, out[1:], nil
}
