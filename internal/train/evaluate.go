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

	"github.com/kafisto/kafisto/internal/runlog"
)

// evaluate runs all splits over the posterior parameters. When ctx is cancelled
// meanwhile, nothing is recorded: a resumed run evaluates again.
func (r *run) evaluate(ctx context.Context) error {
	all, err := r.trained.evaluate(ctx, r.step)
	if ctx.Err() != nil {
		return nil
	}
	if err != nil {
		return err
	}
	for i := range all {
		e := &all[i]
		e.Step, e.Epoch = r.step, float64(r.step)/float64(r.Problem.StepsPerEpoch)
		if math.IsNaN(e.Loss) || math.IsInf(e.Loss, 0) {
			return r.diverged(r.step, fmt.Sprintf("the %s loss is %g", e.Split, e.Loss))
		}
		if what := r.aboveBound(e.Split+" loss", e.Loss); what != "" {
			return r.diverged(r.step, what)
		}
	}
	for _, e := range all {
		if err := r.log.Append(e); err != nil {
			return fmt.Errorf("train: %w", err)
		}
		r.Console.Eval(e)
	}
	r.Evaluated = r.step
	if len(all) > 0 {
		r.Last = &all[0]
		if r.step > 0 && (r.Best == nil || better(r.Problem, all[0], *r.Best)) {
			r.Best = &all[0]
		}
	}
	return nil
}

// better compares evaluations by top-1 error where there is one, then by loss. Those
// of rivals are compared by the Fréchet distance. Where there is none, or they are by
// different features, the newer, a, is better, since the losses tell nothing.
func better(p Problem, a, b runlog.Eval) bool {
	if p.Rivals != nil {
		x, y := a.GAN, b.GAN
		return x.Frechet == nil || y.Frechet == nil || x.Features != y.Features || *x.Frechet < *y.Frechet
	}
	if p.Wrong != nil && a.Top1Error != b.Top1Error {
		return a.Top1Error < b.Top1Error
	}
	return a.Loss < b.Loss
}

// evaluate evaluates the store's parameters over the problem's splits, up to the
// first that has diverged.
func (g *graphs) evaluate(ctx context.Context, _ int64) ([]runlog.Eval, error) {
	var all []runlog.Eval
	for _, split := range g.problem.Splits {
		e, err := g.evaluateSplit(ctx, g.problem, split)
		if err != nil {
			return nil, err
		}
		all = append(all, e)
		if math.IsNaN(e.Loss) || math.IsInf(e.Loss, 0) {
			break
		}
	}
	return all, nil
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
	defer func() { Batch{Inputs: carried}.Finalize() }()
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

// Evaluate evaluates variables, as a checkpoint has them after that many steps, over
// the problem's splits, and returns one record a split, without step and epoch.
// Variables that are not those of the model are an error, see SameModel. When ctx is
// cancelled the error is ErrStopped.
func Evaluate(ctx context.Context, backend compute.Backend, store *model.Store, p Problem, step int64) ([]runlog.Eval, error) {
	evaluate, done, err := evaluation(backend, store, p)
	if err != nil {
		return nil, err
	}
	defer done()
	all, err := evaluate(ctx, step)
	if ctx.Err() != nil {
		return nil, fmt.Errorf("train: %w in the evaluation: nothing was changed", ErrStopped)
	}
	if err != nil {
		return nil, err
	}
	for _, e := range all {
		if math.IsNaN(e.Loss) || math.IsInf(e.Loss, 0) {
			return nil, fmt.Errorf("train: the %s loss is %g: the run has diverged", e.Split, e.Loss)
		}
	}
	return all, nil
}

// evaluation prepares what evaluates a store that must not get other variables.
func evaluation(backend compute.Backend, store *model.Store, p Problem) (evaluate func(context.Context, int64) ([]runlog.Eval, error), done func(), err error) {
	known := store.NumVariables()
	check := func() error { return SameModel(store, known) }
	if p.Rivals != nil {
		assessment, err := p.Rivals.Assess(backend, store)
		if err != nil {
			return nil, nil, err
		}
		return func(ctx context.Context, step int64) ([]runlog.Eval, error) {
			e, err := assessment.Evaluate(ctx, step)
			return []runlog.Eval{e}, errors.Join(err, check())
		}, assessment.Close, nil
	}
	g := &graphs{problem: p, check: check}
	if g.reads, err = newEvaluation(backend, store, p, &g.inputs); err != nil {
		return nil, nil, fmt.Errorf("train: %w", err)
	}
	return g.evaluate, g.reads.Finalize, nil
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
