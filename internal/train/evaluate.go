package train

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"time"

	"github.com/gomlx/compute"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"

	"github.com/kafisto/kafisto"
	"github.com/kafisto/kafisto/internal/runlog"
)

// evaluate runs all splits over the posterior parameters. When ctx is cancelled
// meanwhile, nothing is recorded: a resumed run evaluates again.
func (r *run) evaluate(ctx context.Context) error {
	var first *runlog.Eval
	var all []runlog.Eval
	for _, split := range r.Problem.Splits {
		e, err := r.graphs.evaluateSplit(ctx, r.Problem, split)
		e.Step, e.Epoch = r.step, float64(r.step)/float64(r.Problem.StepsPerEpoch)
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return err
		}
		if math.IsNaN(e.Loss) || math.IsInf(e.Loss, 0) {
			return r.diverged(r.step, fmt.Sprintf("the %s loss is %g", split.Name, e.Loss))
		}
		if what := r.aboveBound(split.Name+" loss", e.Loss); what != "" {
			return r.diverged(r.step, what)
		}
		all = append(all, e)
		if first == nil {
			first = &e
		}
	}
	for _, e := range all {
		if err := r.log.Append(e); err != nil {
			return fmt.Errorf("train: %w", err)
		}
		r.Console.Eval(e)
	}
	r.Evaluated, r.Last = r.step, first
	if first != nil && (r.Best == nil || better(r.Problem, *first, *r.Best)) {
		r.Best = first
	}
	return nil
}

// better compares evaluations by top-1 error where there is one, then by loss.
func better(p Problem, a, b runlog.Eval) bool {
	if p.Wrong != nil && a.Top1Error != b.Top1Error {
		return a.Top1Error < b.Top1Error
	}
	return a.Loss < b.Loss
}

// evaluateSplit evaluates the store's parameters over a whole split. Step and
// epoch of the result are for the caller to set.
func (g *graphs) evaluateSplit(ctx context.Context, p Problem, split Split) (runlog.Eval, error) {
	began := time.Now()
	e := runlog.Eval{Type: runlog.TypeEval, Split: split.Name}
	stream, err := split.Open(ctx)
	if err != nil {
		return e, fmt.Errorf("train: %w", err)
	}
	defer stream.Close()
	var carried []*tensors.Tensor
	if p.Carry != nil {
		carried = p.Carry()
	}
	defer func() { Batch{Inputs: carried}.finalize() }()
	var loss, count, top1, top5 float64
	for {
		batch, err := stream.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return e, fmt.Errorf("train: reading the %s split: %w", split.Name, err)
		}
		e.Examples += batch.Size
		var sums []float64
		if sums, carried, err = g.evaluateBatch(batch, carried); err != nil {
			return e, err
		}
		if g.check != nil {
			if err := g.check(); err != nil {
				return e, err
			}
		}
		loss, count = loss+sums[0], count+sums[1]
		if len(sums) > 2 {
			top1, top5 = top1+sums[2], top5+sums[3]
		}
		if err := ctx.Err(); err != nil {
			return e, err
		}
	}
	if count == 0 {
		return e, fmt.Errorf("train: the %s split is empty", split.Name)
	}
	e.Loss, e.Top1Error, e.Top5Error = loss/count, 100*top1/count, 100*top5/count
	if p.Perplexity {
		e.Perplexity, e.UnigramPerplexity = min(math.Exp(e.Loss), math.MaxFloat64), split.UnigramPerplexity
	}
	e.Seconds = time.Since(began).Seconds()
	return e, nil
}

// Evaluate evaluates variables, as a checkpoint has them, over the problem's
// splits, and returns one record a split, without step and epoch. Variables that
// are not those of the model are an error, see SameModel. When ctx is cancelled
// the error is ErrStopped.
func Evaluate(ctx context.Context, backend compute.Backend, store *model.Store, p Problem) ([]runlog.Eval, error) {
	var g graphs
	var err error
	if g.evaluate, err = newEvaluation(backend, store, p, kafisto.Model(nil, p.Model), &g.inputs); err != nil {
		return nil, fmt.Errorf("train: %w", err)
	}
	defer g.evaluate.Finalize()
	known := store.NumVariables()
	g.check = func() error { return SameModel(store, known) }
	var all []runlog.Eval
	for _, split := range p.Splits {
		e, err := g.evaluateSplit(ctx, p, split)
		if ctx.Err() != nil {
			return nil, fmt.Errorf("train: %w in the evaluation of the %s split: nothing was changed", ErrStopped, split.Name)
		}
		if err != nil {
			return nil, err
		}
		if math.IsNaN(e.Loss) || math.IsInf(e.Loss, 0) {
			return nil, fmt.Errorf("train: the %s loss is %g: the run has diverged", split.Name, e.Loss)
		}
		all = append(all, e)
	}
	return all, nil
}

// SameModel returns an error, ErrOtherModel, if a store that held so many
// variables has more now: a graph was built that has created what a checkpoint of
// its model would have had.
func SameModel(store *model.Store, known int) error {
	if store.NumVariables() > known {
		return fmt.Errorf("train: %w: the model has variables that the checkpoint has not; name a checkpoint of this model", ErrOtherModel)
	}
	return nil
}
