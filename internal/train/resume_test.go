package train_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"strconv"
	"strings"
	"testing"

	"github.com/gomlx/compute"
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/layers"
	"github.com/gomlx/gomlx/ml/model"

	"github.com/kafisto/kafisto"
	"github.com/kafisto/kafisto/internal/checkpoint"
	"github.com/kafisto/kafisto/internal/engine/enginetest"
	"github.com/kafisto/kafisto/internal/runlog"
	"github.com/kafisto/kafisto/internal/train"
	"github.com/kafisto/kafisto/nn"
	"github.com/kafisto/kafisto/optim"
)

const (
	inputs, classes, batchSize = 6, 3, 8
	totalSteps                 = 60
)

// toy is a small problem with everything that a resume can get wrong: random
// numbers in the graph (dropout), running averages (batch normalisation), and
// data that depends on the step. crashAt makes the stream fail there.
func toy(crashAt int64) train.Problem {
	batch := func(step int64) train.Batch {
		rng := rand.New(rand.NewPCG(7, uint64(step)))
		x, y := make([]float32, batchSize*inputs), make([]int32, batchSize)
		for i := range y {
			for j := range inputs {
				x[i*inputs+j] = float32(rng.NormFloat64())
			}
			if x[i*inputs] > 0 {
				y[i] = 1 + int32(rng.IntN(2))
			}
		}
		return train.Batch{
			Inputs: []*tensors.Tensor{tensors.FromFlatDataAndDimensions(x, batchSize, inputs)},
			Labels: []*tensors.Tensor{tensors.FromFlatDataAndDimensions(y, batchSize)},
			Size:   batchSize,
		}
	}
	return train.Problem{
		Name: "toy", StepsPerEpoch: 10,
		Model: func(scope *model.Scope, _ any, in []*graph.Node) []*graph.Node {
			x := nn.ReLU(nn.BatchNorm(scope.In("norm"), nn.Linear(scope.In("hidden"), in[0], 16)))
			x = layers.DropoutStatic(scope, x, 0.2)
			return []*graph.Node{nn.Linear(scope.In("logits"), x, classes)}
		},
		Losses: kafisto.SparseCrossEntropyLogits,
		Train: func(_ context.Context, from int64) (train.Stream, error) {
			return &toyStream{batch: batch, next: from, end: -1, crashAt: crashAt}, nil
		},
		Splits: []train.Split{{Name: "validation", Open: func(context.Context) (train.Stream, error) {
			return &toyStream{batch: batch, next: 1 << 40, end: 1<<40 + 3, crashAt: -1}, nil
		}}},
	}
}

var errCrash = errors.New("a crash")

type toyStream struct {
	batch              func(step int64) train.Batch
	next, end, crashAt int64
}

func (s *toyStream) Next() (train.Batch, error) {
	switch s.next {
	case s.end:
		return train.Batch{}, io.EOF
	case s.crashAt:
		return train.Batch{}, errCrash
	}
	s.next++
	return s.batch(s.next - 1), nil
}

func (s *toyStream) Close() {}

// stopper is a console that cancels the run after a step.
type stopper struct {
	at     int64
	cancel context.CancelFunc
}

func (s stopper) Begin(int64, int64) {}
func (s stopper) Eval(runlog.Eval)   {}
func (s stopper) Message(string)     {}
func (s stopper) End()               {}
func (s stopper) Step(r runlog.Step) {
	if r.Step == s.at {
		s.cancel()
	}
}

// optimizers makes each optimizer afresh.
var optimizers = map[string]func() train.Optimizer{
	"kafisto": func() train.Optimizer {
		return train.KaFiStO("kafisto", kafisto.New().WeightDecay(5e-4).MustDone())
	},
	"sgd": func() train.Optimizer {
		return train.Baseline("sgd", optim.SGD().LearningRate(0.05).Momentum(0.9).WeightDecay(5e-4).MustDone())
	},
	"adam":  func() train.Optimizer { return train.Baseline("adam", optim.Adam().MustDone()) },
	"adamw": func() train.Optimizer { return train.Baseline("adamw", optim.AdamW().MustDone()) },
}

// goOn starts or resumes the run in dir. It is cancelled after step stopAt, or
// crashes there, or is left alone if stopAt is negative.
func goOn(t *testing.T, backend compute.Backend, dir, optimizer string, resume, crash bool, stopAt int64) (train.Result, error) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	crashAt := int64(-1)
	if crash {
		crashAt, stopAt = stopAt, -1
	}
	return train.Run(ctx, train.Config{
		Dir: dir, Problem: toy(crashAt), Optimizer: optimizers[optimizer](), Backend: backend, Engine: "test", Version: "test",
		Settings: "toy", Seed: 3, Steps: totalSteps, EvalEvery: 7, SaveEvery: 5, Resume: resume, Console: stopper{stopAt, cancel},
	})
}

// TestResumeIsExact compares a run that was stopped and resumed many times,
// some of them as by a crash, with one that was left alone.
func TestResumeIsExact(t *testing.T) {
	stops := 4
	if text := os.Getenv("KAFISTO_STOPS"); text != "" {
		var err error
		if stops, err = strconv.Atoi(text); err != nil {
			t.Fatal(err)
		}
	}
	enginetest.Each(t, func(t *testing.T, backend compute.Backend) {
		for name := range optimizers {
			t.Run(name, func(t *testing.T) {
				whole := filepath.Join(t.TempDir(), "whole")
				if _, err := goOn(t, backend, whole, name, false, false, -1); err != nil {
					t.Fatal(err)
				}
				pieces := filepath.Join(t.TempDir(), "pieces")
				rng := rand.New(rand.NewPCG(1, uint64(len(name))))
				for i := range stops {
					at := int64(1+i*(totalSteps-2)/stops) + rng.Int64N(max(int64((totalSteps-2)/stops), 1))
					crash := rng.IntN(2) == 0
					_, err := goOn(t, backend, pieces, name, i > 0, crash, at)
					if want := map[bool]error{true: errCrash, false: train.ErrStopped}[crash]; !errors.Is(err, want) {
						t.Fatalf("stop %d at step %d: %v, want %v", i, at, err, want)
					}
				}
				if _, err := goOn(t, backend, pieces, name, true, false, -1); err != nil {
					t.Fatal(err)
				}
				compare(t, whole, pieces)
			})
		}
	})
}

// compare checks that two runs left the same variables, bit by bit, and the
// same log but for durations.
func compare(t *testing.T, want, got string) {
	t.Helper()
	a, b := newest(t, want), newest(t, got)
	if a.Manifest.Step != totalSteps || a.Manifest.SHA256 != b.Manifest.SHA256 {
		t.Errorf("variables differ: step %d %s, step %d %s", a.Manifest.Step, a.Manifest.SHA256, b.Manifest.Step, b.Manifest.SHA256)
	}
	x, y := readLog(t, want), readLog(t, got)
	if len(x.Steps) != totalSteps || len(x.Evals) != totalSteps/7+1 {
		t.Errorf("the log has %d steps and %d evaluations", len(x.Steps), len(x.Evals))
	}
	if !reflect.DeepEqual(x.Steps, y.Steps) {
		t.Error("the steps' records differ")
	}
	if !reflect.DeepEqual(x.Evals, y.Evals) {
		t.Errorf("the evaluations' records differ:\n%+v\n%+v", x.Evals, y.Evals)
	}
}

func newest(t *testing.T, dir string) *checkpoint.Checkpoint {
	t.Helper()
	c, err := checkpoint.Load(filepath.Join(dir, train.CheckpointsFolder))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// readLog reads a log without durations.
func readLog(t *testing.T, dir string) *runlog.Log {
	t.Helper()
	log, err := runlog.Read(filepath.Join(dir, train.LogFile))
	if err != nil {
		t.Fatal(err)
	}
	for i := range log.Steps {
		log.Steps[i].Seconds = 0
	}
	for i := range log.Evals {
		log.Evals[i].Seconds = 0
	}
	return log
}

// TestDivergenceIsNotSaved: after a loss that is not finite the run ends with
// ErrDiverged, and the newest checkpoint is from before.
func TestDivergenceIsNotSaved(t *testing.T) {
	backend := enginetest.Backend(t, "go")
	dir := t.TempDir()
	p := toy(-1)
	healthy := p.Train
	p.Train = func(ctx context.Context, from int64) (train.Stream, error) {
		s, err := healthy(ctx, from)
		good := s.(*toyStream).batch
		s.(*toyStream).batch = func(step int64) train.Batch {
			b := good(step)
			if step == 11 {
				tensors.MustMutableFlatData(b.Inputs[0], func(x []float32) { x[0] /= 0 * x[0] })
			}
			return b
		}
		return s, err
	}
	_, err := train.Run(t.Context(), train.Config{
		Dir: dir, Problem: p, Optimizer: optimizers["kafisto"](), Backend: backend, Engine: "go", Version: "test", Settings: "toy",
		Seed: 3, Steps: totalSteps, EvalEvery: 50, SaveEvery: 1, Console: stopper{-1, nil},
	})
	if !errors.Is(err, train.ErrDiverged) || !strings.Contains(err.Error(), "step 12") || !strings.Contains(err.Error(), "variable /") {
		t.Errorf("error %v, want one with the step and a variable", err)
	}
	if c := newest(t, dir); c.Manifest.Step != 11 {
		t.Errorf("the newest checkpoint is of step %d, want 11", c.Manifest.Step)
	}
	if log := readLog(t, dir); log.End == nil || log.End.Status != runlog.StatusDiverged || len(log.Steps) != 11 {
		t.Errorf("the log ends with %+v after %d steps", log.End, len(log.Steps))
	}
}

// TestStopInLastEvaluation: a run that was stopped there is not finished, and
// evaluates when it is resumed.
func TestStopInLastEvaluation(t *testing.T) {
	backend := enginetest.Backend(t, "go")
	dir := t.TempDir()
	run := func(resume bool) error {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		p := toy(-1)
		if !resume {
			whole := p.Splits[0].Open
			p.Splits[0].Open = func(ctx context.Context) (train.Stream, error) {
				cancel()
				return whole(ctx)
			}
		}
		_, err := train.Run(ctx, train.Config{
			Dir: dir, Problem: p, Optimizer: optimizers["sgd"](), Backend: backend, Engine: "go", Version: "test", Settings: "toy",
			Seed: 3, Steps: 5, EvalEvery: 50, SaveEvery: 50, Resume: resume, Console: stopper{-1, nil},
		})
		return err
	}
	if err := run(false); !errors.Is(err, train.ErrStopped) {
		t.Fatalf("error %v, want ErrStopped", err)
	}
	if log := readLog(t, dir); len(log.Evals) != 0 || log.End.Status != runlog.StatusStopped {
		t.Errorf("%d evaluations, end %+v", len(log.Evals), log.End)
	}
	if err := run(true); err != nil {
		t.Fatal(err)
	}
	if log := readLog(t, dir); len(log.Evals) != 1 || log.End.Status != runlog.StatusFinished || len(log.Steps) != 5 {
		t.Errorf("%d evaluations, %d steps, end %+v", len(log.Evals), len(log.Steps), log.End)
	}
}

func TestBestIsSaved(t *testing.T) {
	dir := t.TempDir()
	_, err := train.Run(t.Context(), train.Config{
		Dir: dir, Problem: toy(-1), Optimizer: optimizers["sgd"](), Backend: enginetest.Backend(t, "go"), Engine: "go", Version: "test", Settings: "toy",
		Seed: 3, Steps: 40, EvalEvery: 3, SaveEvery: 100, Console: stopper{-1, nil},
	})
	if err != nil {
		t.Fatal(err)
	}
	best := newest(t, dir).Manifest.BestStep
	if _, err := checkpoint.Open(filepath.Join(dir, train.CheckpointsFolder, fmt.Sprintf("step-%09d", best))); err != nil {
		t.Errorf("the best is of step %d: %v", best, err)
	}
}

func TestLostCheckpointsAreNotLostLogs(t *testing.T) {
	backend := enginetest.Backend(t, "go")
	dir := t.TempDir()
	if _, err := goOn(t, backend, dir, "sgd", false, false, 12); !errors.Is(err, train.ErrStopped) {
		t.Fatal(err)
	}
	if err := os.Rename(filepath.Join(dir, train.CheckpointsFolder), filepath.Join(dir, "elsewhere")); err != nil {
		t.Fatal(err)
	}
	if _, err := goOn(t, backend, dir, "sgd", true, false, -1); err == nil || !strings.Contains(err.Error(), "no checkpoints: put them back") {
		t.Errorf("error %v", err)
	}
	if log := readLog(t, dir); len(log.Steps) != 12 {
		t.Errorf("the log has %d steps left of 12", len(log.Steps))
	}
}

// TestOtherDataIsRefused: an epoch of another length is one of other data.
func TestOtherDataIsRefused(t *testing.T) {
	backend := enginetest.Backend(t, "go")
	dir := t.TempDir()
	if _, err := goOn(t, backend, dir, "sgd", false, false, 12); !errors.Is(err, train.ErrStopped) {
		t.Fatal(err)
	}
	grown := toy(-1)
	grown.StepsPerEpoch++
	_, err := train.Run(t.Context(), train.Config{
		Dir: dir, Problem: grown, Optimizer: optimizers["sgd"](), Backend: backend, Settings: "toy", Seed: 3,
		Steps: totalSteps, EvalEvery: 7, SaveEvery: 5, Resume: true, Console: stopper{-1, nil},
	})
	if err == nil || !strings.Contains(err.Error(), "another size") || strings.Contains(err.Error(), "\n") {
		t.Errorf("error %v", err)
	}
	if _, err := goOn(t, backend, dir, "sgd", true, false, -1); err != nil {
		t.Errorf("with the same data: %v", err)
	}
}

func TestRefusals(t *testing.T) {
	backend := enginetest.Backend(t, "go")
	dir := t.TempDir()
	if _, err := goOn(t, backend, dir, "sgd", false, false, 3); !errors.Is(err, train.ErrStopped) {
		t.Fatal(err)
	}
	if _, err := goOn(t, backend, dir, "sgd", false, false, -1); err == nil || !strings.Contains(err.Error(), "holds a run already") {
		t.Errorf("starting twice: %v", err)
	}
	_, err := train.Run(t.Context(), train.Config{
		Dir: dir, Problem: toy(-1), Optimizer: optimizers["sgd"](), Backend: backend, Settings: "others", Seed: 3,
		Steps: 5, EvalEvery: 5, SaveEvery: 5, Resume: true, Console: stopper{-1, nil},
	})
	if err == nil || !strings.Contains(err.Error(), "made with other settings") {
		t.Errorf("other settings: %v", err)
	}
	if err := os.WriteFile(filepath.Join(dir, "file"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := goOn(t, backend, filepath.Join(dir, "file", "run"), "sgd", false, false, -1); err == nil {
		t.Error("a run below a file gave no error")
	}
}

// TestBestOfAStopInAnEvaluationIsSaved: the checkpoint that a stop in an evaluation
// leaves does not know what is found out about it when the run goes on.
func TestBestOfAStopInAnEvaluationIsSaved(t *testing.T) {
	backend := enginetest.Backend(t, "go")
	dir := t.TempDir()
	for _, resume := range []bool{false, true} {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		p, evaluations := toy(-1), 0
		whole := p.Splits[0].Open
		p.Splits[0].Open = func(ctx context.Context) (train.Stream, error) {
			if evaluations++; !resume && evaluations == 2 { // that of the last step
				cancel()
			}
			return whole(ctx)
		}
		result, err := train.Run(ctx, train.Config{
			Dir: dir, Problem: p, Optimizer: optimizers["sgd"](), Backend: backend, Engine: "go", Version: "test", Settings: "toy",
			Seed: 3, Steps: 40, EvalEvery: 20, SaveEvery: 50, Resume: resume, Console: stopper{-1, nil},
		})
		if !resume {
			if !errors.Is(err, train.ErrStopped) {
				t.Fatalf("error %v, want ErrStopped", err)
			}
			continue
		}
		if err != nil || result.Best.Step != 40 {
			t.Fatalf("best %+v, %v: the toy gets better up to step 40", result.Best, err)
		}
	}
	best, err := checkpoint.LoadBest(filepath.Join(dir, train.CheckpointsFolder))
	if err != nil || best.Manifest.Step != 40 {
		t.Errorf("the best checkpoint is of step %d, %v", best.Manifest.Step, err)
	}
}
