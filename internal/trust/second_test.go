//go:build unix

package trust

import (
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/kafisto/kafisto/internal/engine"
)

// TestSecondSignal sends two signals at once, in every phase of a run: the program
// ends at once, and the run goes on from what was saved before.
func TestSecondSignal(t *testing.T) {
	slow := task{args: []string{"--dataset=fashion-sample", "--model=resnet18", "--width=8", "--batch-size=4", "--eval-examples=100"}}
	for name, c := range map[string]struct {
		engine       engine.Choice
		k            task
		evals, saves string
		there        func(dir string) bool // whether a process that has begun is in the phase
	}{
		"compilation": {engine.XLACPU, slow, "1000", "1000", func(string) bool { time.Sleep(300 * time.Millisecond); return true }},
		"training":    {engine.Go, image, "1000", "3", func(dir string) bool { return logged(dir) > 5 }},
		"evaluation":  {engine.Go, task{args: append(image.args, "--eval-examples=500")}, "2", "3", func(dir string) bool { now := logged(dir); return now > 5 && now%2 == 0 }},
		"saving":      {engine.Go, image, "1000", "1", func(dir string) bool { return logged(dir) > 5 && len(staging(dir)) > 0 }},
	} {
		t.Run(name, func(t *testing.T) {
			needs(t, c.engine)
			t.Parallel()
			wanted, ended := amount(1, 20), 0
			for i := range wanted {
				dir := filepath.Join(t.TempDir(), "run")
				p := start(t, training(string(c.engine), "kafisto", c.k, dir, steps(1_000_000), "--eval-every="+c.evals, "--save-every="+c.saves)...)
				p.until(t, name, func() bool { return starts(dir) > 0 && c.there(dir) })
				if p.twice(t, eitherSignal(i), eitherSignal(i+1)) == atOnce {
					ended++
				}
				if c.engine == engine.Go { // XLA would compile again
					lost(t, dir, 3)
					succeed(t, resuming(dir, steps(logged(dir)+2))...)
				}
			}
			if full && ended < wanted/2 {
				t.Errorf("%d of %d runs ended by the second signal", ended, wanted)
			}
		})
	}
}

// twice sends two signals, one right after the other (two of a kind might be one), and checks that the process
// ends: by the second, unless the first was faster.
func (p *process) twice(t *testing.T, first, second syscall.Signal) (code int) {
	t.Helper()
	p.signal(first)
	p.signal(second)
	began := time.Now()
	if code = p.code(t); code != atOnce && code != stoppedCode {
		t.Fatalf("%v: exit code %d\n%s", p.Args, code, p.output)
	}
	if took := time.Since(began); full && took > prompt {
		t.Errorf("it ended after %v", took)
	}
	return code
}

// TestOneRunOneProcess: a second process is refused while the first is at work, and
// does nothing to the run; a kill releases it.
func TestOneRunOneProcess(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "run")
	p := start(t, endless(dir, "1000000", "1")...)
	p.until(t, "step", func() bool { return logged(dir) > 2 })
	second := start(t, resuming(dir)...)
	if code := second.code(t); code != failed || strings.Count(second.output.String(), "\n") != 1 || !strings.Contains(second.output.String(), dir) {
		t.Errorf("the second process: exit code %d, said %q", code, second.output)
	}
	if starts(dir) != 1 {
		t.Error("the second process wrote into the log")
	}
	p.signal(syscall.SIGKILL)
	p.code(t)
	lost(t, dir, 1)
	total := logged(dir) + 3
	succeed(t, resuming(dir, steps(total))...)
	if log := readLog(t, dir); int64(len(log.Steps)) != total {
		t.Errorf("%d steps in the log, want %d", len(log.Steps), total)
	}
}
