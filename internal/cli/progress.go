package cli

import (
	"fmt"
	"io"
	"time"

	"github.com/schollz/progressbar/v3"

	"github.com/kafisto/kafisto/internal/runlog"
	"github.com/kafisto/kafisto/internal/train"
)

// interval is the time between progress lines where there is no terminal.
const interval = 10 * time.Second

// newConsole returns the console of a run: nothing but messages with quiet,
// JSON lines with --json, a bar on a terminal, plain lines elsewhere.
func (s *session) newConsole(label string, quiet bool) train.Console {
	m := meter{label: label, now: time.Now}
	switch {
	case quiet:
		return quietConsole{s}
	case s.json:
		return &jsonConsole{session: s, meter: m}
	case terminal(s.stderr):
		return &barConsole{meter: m, out: s.stderr}
	}
	return &lineConsole{meter: m, out: s.stderr}
}

// quietConsole shows messages alone.
type quietConsole struct{ session *session }

func (quietConsole) Begin(_, _ int64)      {}
func (quietConsole) Step(runlog.Step)      {}
func (quietConsole) Eval(runlog.Eval)      {}
func (quietConsole) End()                  {}
func (c quietConsole) Message(line string) { c.session.message(line) }

// lineConsole prints plain lines: one an interval and one an evaluation.
type lineConsole struct {
	meter
	out io.Writer
}

func (c *lineConsole) Begin(done, total int64) { c.begin(done, total) }

func (c *lineConsole) Step(s runlog.Step) {
	c.step(s)
	if c.due() {
		fmt.Fprintln(c.out, c.progress().text())
	}
}

func (c *lineConsole) Eval(e runlog.Eval)  { fmt.Fprintln(c.out, c.evalText(e)) }
func (c *lineConsole) Message(line string) { fmt.Fprintln(c.out, line) }
func (c *lineConsole) End()                {}

// barConsole draws a bar on a terminal, and evaluations and messages above it.
type barConsole struct {
	meter
	out io.Writer
	bar *progressbar.ProgressBar // nil but between Begin and End
}

func (c *barConsole) Begin(done, total int64) {
	c.begin(done, total)
	if done >= total {
		return
	}
	c.bar = progressbar.NewOptions64(total, progressbar.OptionSetWriter(c.out), progressbar.OptionSetWidth(10),
		progressbar.OptionSetPredictTime(false), progressbar.OptionSetElapsedTime(false), progressbar.OptionUseANSICodes(true),
		progressbar.OptionSetRenderBlankState(true), progressbar.OptionThrottle(100*time.Millisecond),
		progressbar.OptionShowDescriptionAtLineEnd(), progressbar.OptionSetDescription(shorten(c.label)+" compiling"))
	c.bar.Set64(done)
}

func (c *barConsole) Step(s runlog.Step) {
	c.step(s)
	c.bar.Describe(c.progress().shortText())
	c.bar.Set64(s.Step)
}

func (c *barConsole) Eval(e runlog.Eval) { c.Message(c.evalText(e)) }

func (c *barConsole) Message(line string) {
	if c.bar != nil {
		c.bar.Clear()
	}
	fmt.Fprintln(c.out, line)
}

func (c *barConsole) End() {
	if c.bar != nil {
		c.bar.Clear()
		c.bar = nil
	}
}

// jsonConsole prints objects: "begin", "progress" once an interval, "eval",
// "message".
type jsonConsole struct {
	meter
	session *session
}

// beginning says that a run's steps begin.
type beginning struct {
	Type  string `json:"type"`
	Run   string `json:"run"`
	Step  int64  `json:"step"` // done before
	Steps int64  `json:"steps"`
}

// runEval is an evaluation and its run.
type runEval struct {
	runlog.Eval
	Run string `json:"run"`
}

func (c *jsonConsole) Begin(done, total int64) {
	c.begin(done, total)
	c.session.object(beginning{"begin", c.label, done, total})
}

func (c *jsonConsole) Step(s runlog.Step) {
	c.step(s)
	if c.due() {
		c.session.object(c.progress())
	}
}

func (c *jsonConsole) Eval(e runlog.Eval)  { c.session.object(runEval{e, c.label}) }
func (c *jsonConsole) Message(line string) { c.session.message(line) }
func (c *jsonConsole) End()                {}
