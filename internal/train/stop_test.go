package train_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gomlx/compute"

	"github.com/kafisto/kafisto/internal/decorator"
	"github.com/kafisto/kafisto/internal/engine/enginetest"
	"github.com/kafisto/kafisto/internal/runlog"
	"github.com/kafisto/kafisto/internal/train"
)

// interrupted is a backend that is stopped while it compiles the program of a name.
type interrupted struct {
	*decorator.Backend
	name string
	stop context.CancelFunc
}

func (i *interrupted) Builder(name string) compute.Builder {
	return interruptedBuilder{i.Backend.Builder(name), i}
}

type interruptedBuilder struct {
	compute.Builder
	backend *interrupted
}

func (b interruptedBuilder) Compile() (compute.Executable, error) {
	if strings.HasPrefix(b.Name(), b.backend.name) {
		b.backend.stop()
		return nil, context.Canceled
	}
	program, err := b.Builder.Compile()
	return b.backend.Executable(program), err
}

// TestStopInCompilation: a run that is stopped while a program is compiled saves
// what it has done, and goes on from there.
func TestStopInCompilation(t *testing.T) {
	for name, steps := range map[string]int64{"training step": 0, "evaluation step": 7} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			run := func(backend func(stop context.CancelFunc) compute.Backend, resume bool) (train.Result, error) {
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				return train.Run(ctx, train.Config{
					Dir: dir, Problem: toy(-1), Optimizer: optimizers["adam"](), Backend: backend(cancel), Engine: "go", Version: "test",
					Settings: "toy", Seed: 3, Steps: 10, EvalEvery: 7, SaveEvery: 50, Resume: resume, Console: stopper{-1, nil},
				})
			}
			plain := enginetest.Backend(t, "go")
			_, err := run(func(stop context.CancelFunc) compute.Backend {
				i := &interrupted{name: name, stop: stop}
				i.Backend = decorator.New(plain, i)
				return i
			}, false)
			if !errors.Is(err, train.ErrStopped) {
				t.Fatalf("error %v, want ErrStopped", err)
			}
			if steps == 0 {
				if _, err := os.Stat(filepath.Join(dir, train.CheckpointsFolder)); !os.IsNotExist(err) {
					t.Errorf("something was saved before the first step: %v", err)
				}
			} else if saved := newest(t, dir).Manifest.Step; saved != steps {
				t.Errorf("step %d was saved, want %d", saved, steps)
			}
			if log := readLog(t, dir); log.End == nil || log.End.Status != runlog.StatusStopped || int64(len(log.Steps)) != steps || len(log.Evals) != 0 {
				t.Errorf("log %+v", log)
			}
			if _, err := run(func(context.CancelFunc) compute.Backend { return plain }, true); err != nil {
				t.Fatal(err)
			}
			if log := readLog(t, dir); len(log.Steps) != 10 || len(log.Evals) != 2 {
				t.Errorf("%d steps, %d evaluations", len(log.Steps), len(log.Evals))
			}
		})
	}
}
