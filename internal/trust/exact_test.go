//go:build unix

package trust

import (
	"math/rand/v2"
	"path/filepath"
	"syscall"
	"testing"
)

// TestStoppedRunsAreExact stops runs by signals at random steps, goes on with them,
// and compares them with runs that were left alone.
func TestStoppedRunsAreExact(t *testing.T) {
	stops := amount(1, 20)
	total := int64(20 + 16*stops)
	engines(t, func(t *testing.T, engine string) {
		for i, k := range tasks {
			optimizers := all
			if !full {
				optimizers = k.short
			}
			for _, optimizer := range optimizers {
				if !full && engine != "go" && (i > 0 || optimizer != "kafisto") {
					continue // XLA compiles for seconds
				}
				t.Run(k.name+" "+optimizer, func(t *testing.T) {
					t.Parallel()
					whole, pieces := filepath.Join(t.TempDir(), "whole"), filepath.Join(t.TempDir(), "pieces")
					schedule := []string{steps(total), "--eval-every=13", "--save-every=9"}
					succeed(t, training(engine, optimizer, k, whole, schedule...)...)
					stopOften(t, pieces, training(engine, optimizer, k, pieces, schedule...), stops, total)
					succeed(t, resuming(pieces)...)
					same(t, whole, pieces, total)
				})
			}
		}
	})
}

// stopOften starts a run and stops it so many times, each after some more steps.
func stopOften(t *testing.T, dir string, args []string, stops int, total int64) {
	t.Helper()
	rng := rand.New(rand.NewPCG(8, uint64(len(args))))
	for i := range stops {
		before := logged(dir)
		left := total - before
		at := before + 1 + rng.Int64N(max(left/int64(2*(stops-i)), 1))
		p := start(t, args...)
		there := p.until(t, "step", func() bool { return logged(dir) >= at })
		p.signal([]syscall.Signal{syscall.SIGTERM, syscall.SIGINT}[rng.IntN(2)])
		if code := p.code(t); !there || code != stoppedCode {
			t.Fatalf("stop %d at step %d of %d: exit code %d at step %d\n%s", i+1, at, total, code, logged(dir), p.output)
		}
		if saved, last := newest(t, dir).Manifest.Step, logged(dir); saved != last {
			t.Fatalf("stop %d: step %d was saved, %d steps were done", i+1, saved, last)
		}
		args = resuming(dir)
	}
}

// TestStoppedRetriesAreExact: a run that diverges goes back to the same checkpoints
// wherever it was stopped.
func TestStoppedRetriesAreExact(t *testing.T) {
	t.Parallel()
	const total = 60
	flags := []string{steps(total), "--eval-every=1000", "--save-every=15",
		"--learning-rate=0.02", "--momentum=0.99", "--loss-bound=3.6", "--retries=3"} // at step 21
	whole := filepath.Join(t.TempDir(), "whole")
	succeed(t, training("go", "sgd", image, whole, flags...)...)
	if began := readLog(t, whole).Starts; len(began) < 2 || began[1].Step != 15 {
		t.Fatalf("the run did not go back to a checkpoint: %+v", began)
	}
	for range amount(1, 5) {
		pieces := filepath.Join(t.TempDir(), "pieces")
		stopOften(t, pieces, training("go", "sgd", image, pieces, flags...), amount(4, 8), total)
		succeed(t, resuming(pieces)...)
		same(t, whole, pieces, total)
	}
}
