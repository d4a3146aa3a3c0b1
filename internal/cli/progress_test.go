package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/kafisto/kafisto/internal/runlog"
	"github.com/kafisto/kafisto/internal/train"
)

// ticking is a clock that goes on by a step at every look.
func ticking(step time.Duration) func() time.Time {
	now := time.Unix(0, 0)
	return func() time.Time {
		now = now.Add(step)
		return now
	}
}

func step(i int64) runlog.Step {
	return runlog.Step{Step: i, Epoch: float64(i) / 78, Loss: 0.4123, LearningRate: [3]float64{0.01, 0.013, 0.02}}
}

func TestLinesInAPipe(t *testing.T) {
	var out bytes.Buffer
	c := &lineConsole{meter: meter{label: "kafisto seed 1", now: ticking(time.Second)}, out: &out}
	c.Begin(100, 234)
	for i := int64(101); i <= 234; i++ {
		c.Step(step(i))
	}
	c.Eval(runlog.Eval{Step: 234, Epoch: 3, Split: "validation", Loss: 0.5, Top1Error: 14.25})
	c.End()
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	if want := "kafisto seed 1: step 234/234 epoch 3.00 validation loss 0.5 top-1 error 14.25 %"; lines[len(lines)-1] != want {
		t.Errorf("evaluation %q", lines[len(lines)-1])
	}
	if len(lines) < 10 || len(lines) > 20 {
		t.Errorf("%d lines for 134 steps of a second", len(lines))
	}
	for _, line := range lines[:len(lines)-1] {
		if !strings.HasPrefix(line, "kafisto seed 1: step ") || !strings.Contains(line, " loss 0.412 lr 0.013 ") || !strings.Contains(line, "steps/s ETA ") {
			t.Errorf("progress %q", line)
		}
	}
}

func TestEvaluationOfALanguageModel(t *testing.T) {
	m := meter{label: "kafisto seed 1", total: 2530}
	got := m.evalText(runlog.Eval{Step: 1265, Epoch: 1, Split: "test", Loss: 4.7, Perplexity: 109.947})
	if want := "kafisto seed 1: step 1265/2530 epoch 1.00 test perplexity 109.95 loss 4.7"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	got = m.evalText(runlog.Eval{Split: "test", Loss: 900, Perplexity: math.MaxFloat64})
	if want := "test perplexity 1.8e+308 loss 900"; !strings.HasSuffix(got, want) {
		t.Errorf("%q does not end with %q", got, want)
	}
}

func TestRateLeavesOutTheFirstStep(t *testing.T) {
	now := time.Unix(0, 0)
	m := meter{label: "a", now: func() time.Time { return now }}
	m.begin(10, 40)
	now = now.Add(time.Minute) // compilation
	m.step(step(11))
	if p := m.progress(); p.StepsPerSecond != 0 || strings.Contains(p.text(), "ETA") {
		t.Errorf("after one step: %q", p.text())
	}
	now = now.Add(10 * time.Second)
	m.step(step(31))
	if p := m.progress(); p.StepsPerSecond != 2 || p.Seconds != 4.5 || !strings.HasSuffix(p.text(), "2 steps/s ETA 0:05") {
		t.Errorf("%+v, %q", p, p.text())
	}
}

func TestClock(t *testing.T) {
	for seconds, want := range map[float64]string{0: "0:00", 3.4: "0:03", 59.6: "1:00", 754: "12:34", 3723: "1:02:03"} {
		if got := clock(seconds); got != want {
			t.Errorf("%g seconds: %s, want %s", seconds, got, want)
		}
	}
}

func TestBarLeavesWholeLines(t *testing.T) {
	var out bytes.Buffer
	c := &barConsole{meter: meter{label: "sgd seed 1", now: time.Now}, out: &out}
	c.Message("before")
	c.Begin(0, 2)
	c.Step(step(1))
	c.Eval(runlog.Eval{Step: 1, Split: "validation"})
	c.Step(step(2))
	c.End()
	c.Message("after")
	text := out.String()
	if !strings.HasPrefix(text, "before\n") || !strings.HasSuffix(text, "\x1b[2K\rafter\n") {
		t.Errorf("%q", text)
	}
	if !strings.Contains(text, "\x1b[2K\rsgd seed 1: step 1/2") {
		t.Errorf("the evaluation is not on a line of its own: %q", text)
	}
}

func TestBarFitsIntoALine(t *testing.T) {
	p := progress{Run: "kafisto:variant=paper,learning-rate=0.5 seed 1", Step: 123456, Steps: 234567, Loss: 0.41234, StepsPerSecond: 12.345, Seconds: 40000}
	text := p.shortText()
	if want := "kafisto…5 seed 1 123456/234567 loss 0.412 12.3/s ETA 11:06:40"; text != want {
		t.Errorf("%q, want %q", text, want)
	}
	if bar := len("100% |          |  "); bar+len([]rune(text)) > 80 {
		t.Errorf("%d characters", bar+len([]rune(text)))
	}
}

func TestBarOfAFinishedRun(t *testing.T) {
	var out bytes.Buffer
	c := &barConsole{meter: meter{label: "sgd seed 1", now: time.Now}, out: &out}
	c.Begin(5, 5)
	c.End()
	if out.Len() != 0 {
		t.Errorf("%q", out.String())
	}
}

func TestSentence(t *testing.T) {
	for want, err := range map[string]error{
		"one":                errors.New("one"),
		"first":              errors.New("first\nsecond\n\tstack"),
		"a: first":           fmt.Errorf("a: %w", errors.New("first\nsecond")),
		"one; first":         errors.Join(errors.New("one"), errors.New("first\nsecond")),
		"both one and first": fmt.Errorf("both %w and %w", errors.New("one"), errors.New("first\nsecond")),
	} {
		if got := sentence(err); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

func TestExitCodes(t *testing.T) {
	for _, c := range []struct {
		err  error
		want int
	}{
		{nil, 0},
		{errors.New("a"), 1},
		{usage(errors.New("a")), 2},
		{fmt.Errorf("a: %w", train.ErrStopped), 3},
		{fmt.Errorf("a: %w", context.Canceled), 3},
		{errors.Join(fmt.Errorf("a: %w", train.ErrDiverged), errors.New("b")), 4},
	} {
		if got := exitCode(c.err); got != c.want {
			t.Errorf("%v: %d, want %d", c.err, got, c.want)
		}
	}
	if usage(nil) != nil {
		t.Error("no error became one")
	}
}

func TestCommandLineIsAsAShellTakesIt(t *testing.T) {
	got := commandLine([]string{"train", "--dir=a b", "it's", "", "kafisto:variant=paper"})
	if want := `kafisto train '--dir=a b' 'it'\''s' '' kafisto:variant=paper`; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}
