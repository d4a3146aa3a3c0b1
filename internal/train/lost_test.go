package train_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/kafisto/kafisto/internal/engine/enginetest"
	"github.com/kafisto/kafisto/internal/train"
)

// TestLostCheckpoints: a run whose checkpoints are gone does not start again where its
// log tells that there were some, and does where it was killed before the first.
func TestLostCheckpoints(t *testing.T) {
	backend := enginetest.Backend(t, "go")
	for name, c := range map[string]struct {
		saveEvery, evalEvery, again int64 // again: steps between checkpoints when it is resumed
		stops                       []int64
		crash                       bool // in the last of the stops
		lost                        bool
	}{
		"stopped":                      {50, 50, 50, []int64{3}, false, true},
		"stopped, then killed":         {50, 50, 50, []int64{3, 5}, true, true},
		"killed after an evaluation":   {50, 3, 50, []int64{4}, true, true},
		"killed after a save":          {3, 50, 3, []int64{4}, true, true},
		"killed, then saved less":      {3, 50, 50, []int64{4}, true, true},
		"killed before a save":         {5, 50, 5, []int64{3}, true, false},
		"killed, then saved more":      {50, 50, 2, []int64{4}, true, false},
		"killed before an evaluation":  {50, 5, 50, []int64{4}, true, false},
		"stopped before the first one": {5, 5, 5, []int64{0}, false, false},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			run := func(saveEvery, stopAt, crashAt int64, resume bool) error {
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				if stopAt == 0 {
					cancel()
				}
				_, err := train.Run(ctx, train.Config{
					Dir: dir, Problem: toy(crashAt), Optimizer: optimizers["sgd"](), Backend: backend, Engine: "go", Version: "test", Settings: "toy",
					Seed: 3, Steps: 10, EvalEvery: c.evalEvery, SaveEvery: saveEvery, Resume: resume, Console: stopper{stopAt, cancel},
				})
				return err
			}
			for i, at := range c.stops {
				stopAt, crashAt, want := at, int64(-1), train.ErrStopped
				if c.crash && i == len(c.stops)-1 {
					stopAt, crashAt, want = -1, at, errCrash
				}
				if err := run(c.saveEvery, stopAt, crashAt, i > 0); !errors.Is(err, want) {
					t.Fatalf("stop at step %d: %v, want %v", at, err, want)
				}
			}
			if err := os.RemoveAll(filepath.Join(dir, train.CheckpointsFolder)); err != nil {
				t.Fatal(err)
			}
			before := len(readLog(t, dir).Steps)
			err := run(c.again, -1, -1, true)
			if !c.lost && err != nil || c.lost && (err == nil || !strings.Contains(err.Error(), "no checkpoints: put them back")) {
				t.Errorf("error %v", err)
			}
			if after := len(readLog(t, dir).Steps); c.lost && after != before {
				t.Errorf("the log has %d steps left of %d", after, before)
			}
		})
	}
}
