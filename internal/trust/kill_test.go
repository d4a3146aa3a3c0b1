//go:build unix

package trust

import (
	"errors"
	"math/rand/v2"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/kafisto/kafisto/internal/checkpoint"
	"github.com/kafisto/kafisto/internal/train"
)

// TestKilledRunsGoOn kills runs at random moments, of starting, training and saving,
// and goes on with them: no more than a save interval is lost, and the end is that of
// a run that was left alone.
func TestKilledRunsGoOn(t *testing.T) {
	t.Parallel()
	const saveEvery = 3
	kills := amount(5, 200)
	rng := rand.New(rand.NewPCG(8, 3))
	whole, killed := filepath.Join(t.TempDir(), "whole"), filepath.Join(t.TempDir(), "killed")
	schedule := []string{"--eval-every=17", "--save-every=3"}
	args := training("go", "kafisto", image, killed, append(schedule, steps(1_000_000))...)
	inSaving, reached := 0, int64(0)
	for i := range kills {
		had := starts(killed)
		p := start(t, args...)
		trains := func() bool { return logged(killed) > reached && starts(killed) > had }
		switch kind := rng.IntN(4); {
		case kind == 0 && i > 0: // it starts
			pause(rng, 300*time.Millisecond)
		case kind == 1: // it saves
			p.until(t, "checkpoint", func() bool { return trains() && len(staging(killed)) > 0 })
			pause(rng, 2*time.Millisecond)
		default:
			p.until(t, "step", trains)
			pause(rng, 100*time.Millisecond)
		}
		p.signal(syscall.SIGKILL)
		if code := p.code(t); code != -1 {
			t.Fatalf("kill %d: exit code %d\n%s", i+1, code, p.output)
		}
		if len(staging(killed)) > 0 {
			inSaving++
		}
		reached = lost(t, killed, saveEvery)
		args = resuming(killed)
	}
	total := reached + 5
	succeed(t, resuming(killed, steps(total))...)
	succeed(t, training("go", "kafisto", image, whole, append(schedule, steps(total))...)...)
	same(t, whole, killed, total)
	t.Logf("%d kills in %d steps, %d of them while a checkpoint was written", kills, total, inSaving)
	if full && (inSaving < kills/20 || total < 10*saveEvery) {
		t.Error("too few kills came while a checkpoint was written, or the run did not get on")
	}
}

// pause waits for a random time.
func pause(rng *rand.Rand, atMost time.Duration) {
	time.Sleep(time.Duration(rng.Int64N(int64(atMost))))
}

// lost checks that a run that was killed has saved all but the last steps, and
// returns the step that was saved.
func lost(t *testing.T, dir string, saveEvery int64) int64 {
	t.Helper()
	did := logged(dir)
	c, err := checkpoint.Load(filepath.Join(dir, train.CheckpointsFolder))
	if errors.Is(err, checkpoint.ErrNone) && did <= saveEvery {
		return 0
	}
	if err != nil {
		t.Fatalf("%d steps were done: %v", did, err)
	}
	if len(c.Skipped) > 0 {
		t.Fatalf("a checkpoint is damaged: %v", c.Skipped)
	}
	if lost := did - c.Manifest.Step; lost > saveEvery {
		t.Fatalf("%d steps were done, the newest checkpoint is of step %d", did, c.Manifest.Step)
	}
	return c.Manifest.Step
}
