// Package report turns run logs into a terminal table, JSON, CSV, figures (PNG
// and SVG) and one self-contained HTML page. It reads run logs and, for the page, the sample
// grids of generative adversarial networks; nothing else.
//
// Runs with the same Group are seeds of one optimizer: tables show their mean
// and standard deviation, figures draw them in one colour.
package report

import (
	"fmt"
	"strings"
	"time"
	"unicode"

	"github.com/kafisto/kafisto/internal/imagegrid"
	"github.com/kafisto/kafisto/internal/runlog"
)

// Run is one training run.
type Run struct {
	Label    string         // names the run: "kafisto seed 1"
	Group    string         // names the optimizer and its settings: "kafisto"; empty means Label
	Seed     uint64         // of this run
	Settings map[string]any // resolved settings; nested maps are shown with dotted names
	Log      *runlog.Log    // what happened; required
	// Grids are pictures of what a GAN made, in the order of steps; the page shows the
	// first, one in the middle and the last.
	Grids []imagegrid.Grid
}

// Report is a set of runs on one task and where they come from. Empty strings
// and a zero Created are left out of what is written.
type Report struct {
	Title   string // "Three optimizers on Fashion-MNIST"; empty means "Training report"
	Task    string // what is trained: "Fashion-MNIST, small convolutional network"
	Commit  string // of the program's source
	Version string // of the program
	Engine  string // go, xla:cpu or xla:cuda
	Machine string // one line: processor, cores, memory
	Command string // that makes these runs again
	Scaled  string // "scaled down: 10,000 images, 3 epochs"; empty means full scale
	Runs    []Run
	Created time.Time // when the report was made; shown in UTC
}

// group is the runs of one optimizer, in the report's order.
type group struct {
	name string
	runs []Run
}

// groups sorts the runs into groups, in the order of first appearance.
func (r Report) groups() []group {
	var groups []group
	index := make(map[string]int)
	for _, run := range r.Runs {
		name := CleanText(run.Group)
		if name == "" {
			name = CleanText(run.Label)
		}
		i, seen := index[name]
		if !seen {
			i = len(groups)
			index[name] = i
			groups = append(groups, group{name: name})
		}
		groups[i].runs = append(groups[i].runs, run)
	}
	return groups
}

// check refuses a report that has nothing to show.
func (r Report) check() error {
	if len(r.Runs) == 0 {
		return fmt.Errorf("report: there are no runs to report; name at least one run folder")
	}
	for i, run := range r.Runs {
		if run.Log == nil {
			return fmt.Errorf("report: run %d (%q) has no log; read its log first", i+1, run.Label)
		}
		if len(run.Log.Steps) == 0 && len(run.Log.Evals) == 0 && !diverged(run.Log) {
			return fmt.Errorf("report: the log of run %d (%q) holds no step and no evaluation; train it for at least one step or leave it out", i+1, run.Label)
		}
	}
	return nil
}

// title is the heading of the report, never empty.
func (r Report) title() string {
	if r.Title == "" {
		return "Training report"
	}
	return CleanText(r.Title)
}

// CleanText makes a text from outside safe for one line of a terminal or an
// SVG file: control characters become spaces, invalid UTF-8 the replacement
// character.
func CleanText(s string) string {
	s = strings.Map(func(c rune) rune {
		if unicode.IsControl(c) || c == '\u2028' || c == '\u2029' {
			return ' '
		}
		if !unicode.IsGraphic(c) {
			return unicode.ReplacementChar
		}
		return c
	}, strings.ToValidUTF8(s, string(unicode.ReplacementChar)))
	return strings.Join(strings.Fields(s), " ")
}

// CleanLines is CleanText for each line of a text; lines without text are left out.
func CleanLines(s string) string {
	var lines []string
	for line := range strings.Lines(s) {
		if line = CleanText(line); line != "" {
			lines = append(lines, line)
		}
	}
	return strings.Join(lines, "\n")
}
