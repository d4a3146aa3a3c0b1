package train_test

import (
	"context"
	"errors"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"

	"github.com/kafisto/kafisto/internal/checkpoint"
	"github.com/kafisto/kafisto/internal/engine/enginetest"
	"github.com/kafisto/kafisto/internal/runlog"
	"github.com/kafisto/kafisto/internal/train"
	"github.com/kafisto/kafisto/optim"
)

// poisonedAt is the step of a poisoned toy in which something is not finite.
const poisonedAt = 12

// poison spoils a step: the logits, where the flag is 0, or the store before it.
type poison struct {
	logits func(logits, flag *graph.Node) *graph.Node
	store  func(*model.Store) error
}

// poisoned is the toy problem with a second input, the flag, which is 1 but in the
// step that is spoiled while spoil tells so.
func poisoned(p poison, spoil func() bool) train.Problem {
	made := toy(-1)
	inner, opened, split := made.Model, made.Train, made.Splits[0].Open
	var store *model.Store
	made.Model = func(scope *model.Scope, spec any, in []*graph.Node) []*graph.Node {
		store = scope.Store()
		out := inner(scope, spec, in[:1])
		if p.logits != nil {
			out[0] = p.logits(out[0], in[1])
		}
		return out
	}
	flagged := func(s train.Stream, err error) (train.Stream, error) {
		good := s.(*toyStream).batch
		s.(*toyStream).batch = func(step int64) train.Batch {
			b, flag := good(step), float32(1)
			if step == poisonedAt-1 && spoil() {
				flag = 0
				if p.store != nil {
					_ = p.store(store) // where it fails, nothing diverges
				}
			}
			b.Inputs = append(b.Inputs, tensors.FromValue(flag))
			return b
		}
		return s, err
	}
	made.Train = func(ctx context.Context, from int64) (train.Stream, error) { return flagged(opened(ctx, from)) }
	made.Splits[0].Open = func(ctx context.Context) (train.Stream, error) { return flagged(split(ctx)) }
	return made
}

func always() bool { return true }

// divided makes logits undefined where the flag is 0.
func divided(logits, flag *graph.Node) *graph.Node { return graph.Div(logits, flag) }

// undefined fills the store's variables whose paths begin so with NaN.
func undefined(path string) func(*model.Store) error {
	return func(store *model.Store) error {
		for v := range store.IterVariables() {
			if !strings.HasPrefix(v.Path(), path) {
				continue
			}
			value := tensors.FromShape(v.Shape())
			if v.DType() == dtypes.Float64 {
				tensors.MustMutableFlatData(value, func(x []float64) { fill(x, math.NaN()) })
			} else {
				tensors.MustMutableFlatData(value, func(x []float32) { fill(x, float32(math.NaN())) })
			}
			if err := v.SetValue(value); err != nil {
				return err
			}
		}
		return nil
	}
}

func fill[T any](all []T, value T) {
	for i := range all {
		all[i] = value
	}
}

// TestNothingUndefinedIsSaved puts values that are not finite into the loss, the
// gradient and the filter's state: the error names step, quantity and variable, and
// what is saved is finite.
func TestNothingUndefinedIsSaved(t *testing.T) {
	backend := enginetest.Backend(t, "go")
	for name, c := range map[string]struct {
		poison
		says string
	}{
		"loss": {poison{logits: divided}, "the loss is NaN"},
		"gradient": {poison{logits: func(logits, flag *graph.Node) *graph.Node {
			return graph.Add(logits, graph.Sqrt(graph.Add(graph.MulScalar(logits, 0), flag))) // the root's slope at 0
		}}, "the gradient norm is NaN"},
		"covariance": {poison{store: undefined("/kafisto/parameter_variance")}, "is NaN"},
		"noise":      {poison{store: undefined("/kafisto/measurement_noise")}, "is NaN"},
		"velocity":   {poison{store: undefined("/kafisto/velocity/")}, "the loss is NaN"},
		"average":    {poison{store: undefined("/kafisto/average/")}, "is NaN"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			_, err := train.Run(t.Context(), train.Config{
				Dir: dir, Problem: poisoned(c.poison, always), Optimizer: optimizers["kafisto"](), Backend: backend, Engine: "go", Version: "test",
				Settings: "toy", Seed: 3, Steps: totalSteps, EvalEvery: 50, SaveEvery: 1, Console: stopper{-1, nil},
			})
			if !errors.Is(err, train.ErrDiverged) {
				t.Fatalf("error %v, want ErrDiverged", err)
			}
			for _, want := range []string{"step 12", c.says, "variable /"} {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("error %q does not say %q", err, want)
				}
			}
			saved, err := filepath.Glob(filepath.Join(dir, train.CheckpointsFolder, "*"))
			if err != nil || len(saved) == 0 {
				t.Fatalf("checkpoints %v, %v", saved, err)
			}
			for _, path := range saved {
				c, err := checkpoint.Open(path)
				if err != nil {
					t.Fatal(err)
				}
				store := model.NewStore()
				if err := errors.Join(c.Restore(store), checkpoint.CheckFinite(store)); err != nil || c.Manifest.Step >= poisonedAt {
					t.Errorf("%s: step %d, %v", path, c.Manifest.Step, err)
				}
			}
			if c := newest(t, dir); c.Manifest.Step != poisonedAt-1 {
				t.Errorf("the newest checkpoint is of step %d", c.Manifest.Step)
			}
		})
	}
}

// retrying starts or resumes a run that diverges in step 12 unless its learning rate
// is a tenth of what it was at first, and that may go back so many times.
func retrying(t *testing.T, dir string, times int, resume bool, stopAt int64) error {
	t.Helper()
	return retryingEvery(t, dir, 5, 7, times, resume, stopAt)
}

// retryingEvery is retrying with other steps between checkpoints and evaluations.
func retryingEvery(t *testing.T, dir string, saveEvery, evalEvery int64, times int, resume bool, stopAt int64) error {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	rate := 1.0
	sgd := func(factor float64) (train.Optimizer, error) {
		rate = factor
		o, err := optim.SGD().LearningRate(0.05 * factor).Momentum(0.9).Done()
		return train.Baseline("sgd", o), err
	}
	p := poisoned(poison{logits: divided}, func() bool { return rate > 0.1 })
	first, err := sgd(1)
	if err != nil {
		t.Fatal(err)
	}
	_, err = train.Run(ctx, train.Config{
		Dir: dir, Problem: p, Optimizer: first, Backend: enginetest.Backend(t, "go"), Engine: "go", Version: "test", Settings: "toy",
		Seed: 3, Steps: totalSteps, EvalEvery: evalEvery, SaveEvery: saveEvery, Resume: resume, Console: stopper{stopAt, cancel},
		Retry: train.Retry{Times: times, Factor: 0.25, Slower: sgd},
	})
	return err
}

// TestRetry: a run that diverges goes back to its newest checkpoint with a smaller
// learning rate, as often as it may, says so in the log, and is the same when it is
// stopped and resumed meanwhile, just before it diverges too. What it may is in all,
// but whoever resumes it with more gets them.
func TestRetry(t *testing.T) {
	whole, pieces, few := filepath.Join(t.TempDir(), "whole"), filepath.Join(t.TempDir(), "pieces"), filepath.Join(t.TempDir(), "few")
	if err := retrying(t, whole, 3, false, -1); err != nil {
		t.Fatal(err)
	}
	log := readLog(t, whole)
	if len(log.Starts) != 3 || log.Starts[1].Retries != 1 || log.Starts[2].Retries != 2 || log.Starts[2].Step != 10 || log.End.Status != runlog.StatusFinished {
		t.Errorf("starts %+v, end %+v", log.Starts, log.End)
	}
	for _, s := range log.Steps {
		want := 0.05
		if s.Step > 10 {
			want *= 0.0625
		}
		if math.Abs(s.LearningRate[0]-want) > 1e-8 {
			t.Fatalf("step %d: learning rate %g, want %g", s.Step, s.LearningRate[0], want)
		}
	}
	text, err := os.ReadFile(filepath.Join(whole, train.LogFile))
	if err != nil || strings.Count(string(text), `"status":"retried","message":"train: diverged at step 12: the loss is NaN`) != 2 {
		t.Errorf("the log (%v):\n%s", err, text)
	}

	for i, at := range []int64{4, 9, 11, 13, 14, 40} {
		if err := retrying(t, pieces, 3, i > 0, at); !errors.Is(err, train.ErrStopped) {
			t.Fatalf("stop at step %d: %v", at, err)
		}
	}
	if err := retrying(t, pieces, 3, true, -1); err != nil {
		t.Fatal(err)
	}
	compare(t, whole, pieces)

	if err := retrying(t, few, 1, false, -1); !errors.Is(err, train.ErrDiverged) {
		t.Errorf("once too often: %v, want ErrDiverged", err)
	}
	if log := readLog(t, few); log.End.Status != runlog.StatusDiverged || len(log.Starts) != 2 || newest(t, few).Manifest.Step != 10 {
		t.Errorf("starts %+v, end %+v", log.Starts, log.End)
	}
	if err := retrying(t, few, 1, true, -1); !errors.Is(err, train.ErrDiverged) {
		t.Errorf("once too often, resumed: %v, want ErrDiverged", err)
	}
	if log := readLog(t, few); len(log.Starts) != 3 || log.Starts[2].Retries != 1 {
		t.Errorf("resumed: starts %+v", log.Starts)
	}
	if err := retrying(t, few, 2, true, -1); err != nil {
		t.Error(err)
	}
	compare(t, whole, few)
}

// TestRetryFromBefore: where the first step after a checkpoint diverges, the run goes
// back to the one before, as the best one of step 7, and so it does when it is stopped
// meanwhile; where there is none it ends.
func TestRetryFromBefore(t *testing.T) {
	whole, pieces, only := filepath.Join(t.TempDir(), "whole"), filepath.Join(t.TempDir(), "pieces"), filepath.Join(t.TempDir(), "only")
	if err := retryingEvery(t, whole, 11, 7, 3, false, -1); err != nil {
		t.Fatal(err)
	}
	if log := readLog(t, whole); len(log.Starts) != 3 || log.Starts[1].Step != 7 || log.Starts[2].Step != 7 {
		t.Errorf("starts %+v", log.Starts)
	}
	for i, at := range []int64{9, 11, 10} {
		if err := retryingEvery(t, pieces, 11, 7, 3, i > 0, at); !errors.Is(err, train.ErrStopped) {
			t.Fatalf("stop at step %d: %v", at, err)
		}
	}
	if err := retryingEvery(t, pieces, 11, 7, 3, true, -1); err != nil {
		t.Fatal(err)
	}
	compare(t, whole, pieces)
	if err := retryingEvery(t, only, 11, 50, 3, false, -1); !errors.Is(err, train.ErrDiverged) {
		t.Errorf("without one before: %v, want ErrDiverged", err)
	}
	if log := readLog(t, only); len(log.Starts) != 1 || log.End.Status != runlog.StatusDiverged || newest(t, only).Manifest.Step != 11 {
		t.Errorf("starts %+v, end %+v", log.Starts, log.End)
	}
}

// TestRetryFromTheStart: a run without a checkpoint but for a stop goes back to the
// start, and is the same as one that was left alone.
func TestRetryFromTheStart(t *testing.T) {
	whole, pieces := filepath.Join(t.TempDir(), "whole"), filepath.Join(t.TempDir(), "pieces")
	if err := retryingEvery(t, whole, 30, 50, 3, false, -1); err != nil {
		t.Fatal(err)
	}
	for i, at := range []int64{8, 9, 3} {
		if err := retryingEvery(t, pieces, 30, 50, 3, i > 0, at); !errors.Is(err, train.ErrStopped) {
			t.Fatalf("stop at step %d: %v", at, err)
		}
	}
	if err := retryingEvery(t, pieces, 30, 50, 3, true, -1); err != nil {
		t.Fatal(err)
	}
	x, y := readLog(t, whole), readLog(t, pieces)
	if !reflect.DeepEqual(x.Steps, y.Steps) || newest(t, whole).Manifest.SHA256 != newest(t, pieces).Manifest.SHA256 {
		t.Error("the runs differ")
	}
}
