package train_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/gomlx/gomlx/core/tensors"

	"github.com/kafisto/kafisto/internal/engine/enginetest"
	"github.com/kafisto/kafisto/internal/runlog"
	"github.com/kafisto/kafisto/internal/train"
)

// TestLossBound: a finite loss above the bound ends the run as one that is not
// finite does, be it a minibatch's or a split's; that step is not logged.
func TestLossBound(t *testing.T) {
	backend := enginetest.Backend(t, "go")
	run := func(p train.Problem, bound float64) (*runlog.Log, error) {
		dir := t.TempDir()
		_, err := train.Run(t.Context(), train.Config{
			Dir: dir, Problem: p, Optimizer: optimizers["sgd"](), Backend: backend, Engine: "go", Version: "test", Settings: "toy",
			Seed: 3, Steps: 8, EvalEvery: 4, SaveEvery: 4, LossBound: bound, Console: stopper{-1, nil},
		})
		return readLog(t, dir), err
	}
	free, err := run(toy(-1), 0)
	if err != nil {
		t.Fatal(err)
	}
	largest := 0.0
	for _, s := range free.Steps {
		largest = max(largest, s.Loss)
	}
	for _, e := range free.Evals {
		largest = max(largest, e.Loss)
	}
	if log, err := run(toy(-1), largest); err != nil || log.End.Status != runlog.StatusFinished {
		t.Errorf("at the bound: %v", err)
	}
	log, err := run(toy(-1), free.Steps[0].Loss/2)
	if !errors.Is(err, train.ErrDiverged) || !strings.Contains(err.Error(), "step 1: the loss is") || !strings.Contains(err.Error(), "above the bound") {
		t.Errorf("a minibatch above the bound: %v", err)
	}
	if len(log.Steps) != 0 || log.End.Status != runlog.StatusDiverged {
		t.Errorf("%d steps logged, ended as %s", len(log.Steps), log.End.Status)
	}
	p := toy(-1)
	whole := p.Splits[0].Open
	p.Splits[0].Open = func(ctx context.Context) (train.Stream, error) {
		s, err := whole(ctx)
		good := s.(*toyStream).batch
		s.(*toyStream).batch = func(step int64) train.Batch {
			b := good(step)
			tensors.MustMutableFlatData(b.Inputs[0], func(x []float32) {
				for i := range x {
					x[i] *= 1e4
				}
			})
			return b
		}
		return s, err
	}
	log, err = run(p, 2*largest)
	if !errors.Is(err, train.ErrDiverged) || !strings.Contains(err.Error(), "step 4: the validation loss is") {
		t.Errorf("a split above the bound: %v", err)
	}
	if len(log.Steps) != 4 || len(log.Evals) != 0 {
		t.Errorf("%d steps, %d evaluations logged", len(log.Steps), len(log.Evals))
	}
}
