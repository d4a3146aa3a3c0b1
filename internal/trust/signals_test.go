//go:build unix

package trust

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/kafisto/kafisto/internal/checkpoint"
	"github.com/kafisto/kafisto/internal/engine"
	"github.com/kafisto/kafisto/internal/runlog"
	"github.com/kafisto/kafisto/internal/train"
)

// prompt is how soon a signal must have ended a program, on a machine that has
// nothing else to do.
const prompt = 5 * time.Second

// stop sends a signal to a process that is frozen meanwhile, so that look sees the
// moment at which it comes, and checks that the process ends in time and in order.
func (p *process) stop(t *testing.T, s syscall.Signal, look func()) {
	t.Helper()
	p.signal(syscall.SIGSTOP)
	time.Sleep(5 * time.Millisecond) // all its threads
	look()
	p.signal(s)
	p.signal(syscall.SIGCONT)
	began := time.Now()
	if code := p.code(t); code != stoppedCode {
		t.Fatalf("%v: exit code %d, want %d\n%s", p.Args, code, stoppedCode, p.output)
	}
	if took := time.Since(began); full && took > prompt {
		t.Errorf("it ended after %v", took)
	}
}

// eitherSignal alternates.
func eitherSignal(i int) syscall.Signal {
	return []syscall.Signal{syscall.SIGTERM, syscall.SIGINT}[i%2]
}

// saved checks that all steps in the log were saved, and nothing half is left.
func saved(t *testing.T, dir string) int64 {
	t.Helper()
	did, c := logged(dir), newest(t, dir)
	if c.Manifest.Step != did || len(c.Skipped) > 0 {
		t.Errorf("%d steps were done, step %d was saved; damaged: %v", did, c.Manifest.Step, c.Skipped)
	}
	if left := staging(dir); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
	if log := readLog(t, dir); log.End == nil || log.End.Status != runlog.StatusStopped {
		t.Errorf("the log ends with %+v", log.End)
	}
	return did
}

// staging are the checkpoints that are being written.
func staging(dir string) []string {
	found, _ := filepath.Glob(filepath.Join(dir, train.CheckpointsFolder, ".staging-*"))
	return found
}

// signalled starts a run and stops it by signals, going on after each: when says
// for what it waits, and look is called at the moment of the signal and tells whether
// it is one that counts. It takes so many that do.
func signalled(t *testing.T, dir string, args []string, when func(p *process, before int64), look func() bool, check func(before, after int64)) {
	t.Helper()
	wanted := amount(1, 20)
	for i, counted := 0, 0; counted < wanted; i++ {
		if i == 4*wanted+4 {
			t.Fatalf("%d of %d signals came at the wrong moment", i-counted, i)
		}
		p, before, counts := start(t, args...), logged(dir), false
		when(p, before)
		p.stop(t, eitherSignal(i), func() { before, counts = logged(dir), look() })
		after := saved(t, dir)
		if counts {
			check(before, after)
			counted++
		}
		args = resuming(dir)
	}
}

// TestSignalInTraining: the step that is being done is the last, and is saved.
func TestSignalInTraining(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "run")
	rng := rand.New(rand.NewPCG(8, 6))
	args := training("go", "kafisto", task{}, dir, "--batch-size=256", steps(100_000), "--eval-every=100000", "--save-every=100000")
	signalled(t, dir, args, func(p *process, before int64) {
		p.until(t, "step", func() bool { return logged(dir) > before })
		pause(rng, 100*time.Millisecond)
	}, func() bool { return true }, func(before, after int64) {
		if after > before+2 { // the record of the step that ended may not have been written yet
			t.Errorf("the signal came after step %d, the run stopped after step %d", before, after)
		}
	})
}

// TestSignalInEvaluation: the evaluation is left out, and made when the run goes on.
func TestSignalInEvaluation(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "run")
	rng := rand.New(rand.NewPCG(8, 6))
	evaluated := func() int64 {
		evals := readLog(t, dir).Evals
		if len(evals) == 0 {
			return 0
		}
		return evals[len(evals)-1].Step
	}
	over := 0 // evaluations that were about to end
	args := training("go", "sgd", task{}, dir, "--batch-size=16", steps(100_000), "--eval-every=2", "--save-every=100000")
	signalled(t, dir, args, func(p *process, before int64) {
		p.until(t, "evaluation", func() bool { now := logged(dir); return now > before && now%2 == 0 })
		pause(rng, 100*time.Millisecond)
	}, func() bool { now := logged(dir); return now%2 == 0 && evaluated() < now }, func(before, after int64) {
		if after == before && evaluated() >= after {
			over++
		}
		if after > before+1 {
			t.Errorf("the signal came in the evaluation of step %d, the run stopped after step %d", before, after)
		}
	})
	if full && over > 5 {
		t.Errorf("%d evaluations of 20 were made to their ends after the signal", over)
	}
	total := logged(dir) + 1
	succeed(t, resuming(dir, steps(total))...)
	for i, e := range readLog(t, dir).Evals {
		if want := min(int64(2*(i+1)), total); e.Step != want {
			t.Errorf("evaluation %d is of step %d, want %d", i+1, e.Step, want)
		}
	}
}

// TestSignalInSaving: the checkpoint is written to its end.
func TestSignalInSaving(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "run")
	k := task{args: []string{"--dataset=shakespeare", "--model=tiny-lstm", "--width=200", "--batch-size=1", "--window=2", "--train-examples=400", "--eval-examples=60"}}
	args := training("go", "adam", k, dir, steps(100_000), "--eval-every=100000", "--save-every=1")
	signalled(t, dir, args, func(p *process, before int64) {
		p.until(t, "checkpoint", func() bool { return logged(dir) > before && len(staging(dir)) > 0 })
	}, func() bool { return len(staging(dir)) > 0 }, func(before, after int64) {
		if after > before+1 {
			t.Errorf("the signal came while step %d was saved, the run stopped after step %d", before, after)
		}
	})
}

// TestSignalInCompilation: nobody waits for XLA's compiler; the last checkpoint is as
// it was.
func TestSignalInCompilation(t *testing.T) {
	needs(t, engine.XLACPU)
	t.Parallel()
	rng := rand.New(rand.NewPCG(8, 7))
	slow := task{args: []string{"--dataset=fashion-sample", "--model=resnet50", "--width=8", "--batch-size=4", "--eval-examples=100"}}
	dir := filepath.Join(t.TempDir(), "run")
	if full {
		succeed(t, training("xla:cpu", "kafisto", slow, dir, steps(2))...)
	}
	for i := range amount(1, 20) {
		args, before := resuming(dir, steps(100)), ""
		if full && i%2 == 0 {
			before = sums(t, dir)
		} else {
			dir := filepath.Join(t.TempDir(), "new")
			args = training("xla:cpu", "kafisto", slow, dir)
			interruptCompilation(t, dir, args, i, rng)
			if _, err := os.Stat(filepath.Join(dir, train.CheckpointsFolder)); !os.IsNotExist(err) {
				t.Errorf("something was saved before the first step: %v", err)
			}
			continue
		}
		interruptCompilation(t, dir, args, i, rng)
		if after := sums(t, dir); after != before || logged(dir) != 2 {
			t.Errorf("the checkpoints were\n%sand are\n%safter step %d", before, after, logged(dir))
		}
	}
	if full {
		succeed(t, resuming(dir, steps(3))...)
	}
}

// interruptCompilation sends a signal a random time after a run has opened its log,
// which is when compilation begins.
func interruptCompilation(t *testing.T, dir string, args []string, i int, rng *rand.Rand) {
	t.Helper()
	had, did := starts(dir), logged(dir)
	p := start(t, args...)
	p.until(t, "start", func() bool { return starts(dir) > had })
	time.Sleep(300 * time.Millisecond)
	pause(rng, 2*time.Second)
	p.stop(t, eitherSignal(i), func() {
		if logged(dir) > did {
			t.Fatal("the compilation was over: take a slower one")
		}
	})
}

// sums lists a run's checkpoints with their SHA-256.
func sums(t *testing.T, dir string) string {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(dir, train.CheckpointsFolder, "*"))
	if err != nil || len(found) == 0 {
		t.Fatalf("no checkpoints in %s: %v", dir, err)
	}
	var text strings.Builder
	for _, path := range found {
		c, err := checkpoint.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintln(&text, path, c.Manifest.SHA256)
	}
	return text.String()
}
