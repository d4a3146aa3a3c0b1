package paper

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/kafisto/kafisto/internal/report"
)

// decimals of all numbers: the paper's tables print two.
const decimals = 2

// What cells say in words.
const (
	diverged = "diverged" // on either side
	agree    = "agree"    // difference: both diverged
	disagree = "disagree" // difference: one side diverged, the other did not
)

// texts are what a cell shows in its three columns.
type texts struct {
	Paper, Ours, Difference string
}

// texts puts the cell into words; spread says whether deviations and numbers
// of seeds are shown.
func (c Cell) texts(spread bool) texts {
	return texts{Paper: c.paperText(), Ours: c.oursText(spread), Difference: c.differenceText()}
}

func (c Cell) paperText() string {
	switch {
	case c.PaperDiverged:
		return diverged
	case c.Paper == nil:
		return report.Dash
	case c.PaperSD != nil:
		return report.FormatNumber(*c.Paper, decimals) + " ± " + report.FormatNumber(*c.PaperSD, decimals)
	default:
		return report.FormatNumber(*c.Paper, decimals)
	}
}

// oursText is "23.40 ± 0.12 (3)", the number of seeds in parentheses, followed
// by how many diverged and by what is missing.
func (c Cell) oursText(spread bool) string {
	var parts []string
	s, total := c.stat(), c.seeds()
	if s.N > 0 {
		text := report.FormatNumber(s.Mean, decimals)
		if s.N > 1 {
			text += " ± " + report.FormatNumber(s.SD, decimals)
		}
		if spread {
			text += fmt.Sprintf(" (%d)", s.N)
		}
		parts = append(parts, text)
	}
	switch {
	case c.Diverged > 0 && s.N > 0:
		parts = append(parts, fmt.Sprintf("%d of %d %s", c.Diverged, total, diverged))
	case c.Diverged > 1:
		parts = append(parts, fmt.Sprintf("%s (%d)", diverged, c.Diverged))
	case c.Diverged == 1:
		parts = append(parts, diverged)
	}
	if missing := report.CleanText(c.Missing); missing != "" {
		parts = append(parts, missing)
	}
	if parts == nil {
		return report.Dash
	}
	return strings.Join(parts, "; ")
}

// differenceText is the difference with its sign, or whether the two sides
// agree that training diverges.
func (c Cell) differenceText() string {
	finished, paper := c.stat().N > 0, c.Paper != nil && !c.PaperDiverged
	switch {
	case c.PaperDiverged && c.Diverged > 0 && !finished:
		return agree
	case c.PaperDiverged && finished && c.Diverged == 0, paper && c.Diverged > 0 && !finished:
		return disagree
	case c.PaperDiverged:
		return report.Dash
	}
	d := c.Difference()
	text := report.FormatNumber(math.Abs(d), decimals)
	if v, err := strconv.ParseFloat(text, 64); err != nil || v == 0 {
		return text // a dash, or no difference as far as the decimals tell
	}
	if d < 0 {
		return "-" + text
	}
	return "+" + text
}

// oursAlone tells of a table that is none of the paper's: it has our numbers alone.
func (t Table) oursAlone() bool {
	return !t.any(func(c Cell) bool { return c.Paper != nil || c.PaperDiverged })
}

// across is the number of columns of a measure.
func (t Table) across() int {
	if t.oursAlone() {
		return 1
	}
	return 3
}

// columnHeads are the heads of a measure's columns.
func (t Table) columnHeads() []string {
	if t.oursAlone() {
		return []string{t.oursHead()}
	}
	return []string{"paper", t.oursHead(), "difference"}
}

// columns are the texts of a cell, a column each.
func (t Table) columns(c Cell) []string {
	text := c.texts(t.severalSeeds())
	if t.oursAlone() {
		return []string{text.Ours}
	}
	return []string{text.Paper, text.Ours, text.Difference}
}

// keyTexts are the keys of every row. A key that repeats the one above, as do
// all before it, is left blank, as in the paper; the last one never is.
func (t Table) keyTexts() [][]string {
	out := make([][]string, len(t.Rows))
	for i, row := range t.Rows {
		repeats := i > 0
		for j, key := range row.Keys {
			repeats = repeats && j < len(row.Keys)-1 && key == t.Rows[i-1].Keys[j]
			text := report.CleanText(key)
			switch {
			case repeats:
				text = ""
			case text == "":
				text = report.Dash
			}
			out[i] = append(out[i], text)
		}
	}
	return out
}

// oursHead is the head of our column.
func (t Table) oursHead() string {
	if t.scale() != "" {
		return "ours (scaled down)"
	}
	return "ours"
}

// scale is how the table is scaled down, without these words; empty if it is
// at full scale.
func (t Table) scale() string {
	text := report.CleanText(t.Scaled)
	const words = "scaled down"
	if len(text) >= len(words) && strings.EqualFold(text[:len(words)], words) {
		if rest := strings.TrimLeft(text[len(words):], ":, "); rest != "" {
			return rest
		}
	}
	return text
}

// warning is the line above a table that is scaled down; empty otherwise.
func (t Table) warning() string {
	if t.scale() == "" {
		return ""
	}
	text := "SCALED DOWN: " + t.scale() + "."
	if !t.oursAlone() {
		text += " Our numbers are not comparable with the paper's."
	}
	return text
}

// legend explains what the table's columns hold.
func (t Table) legend() string {
	text := "One seed each: no standard deviation."
	if t.severalSeeds() {
		text = "Ours: mean ± sample standard deviation (number of seeds) over the seeds that did not diverge."
	}
	if t.oursAlone() {
		return text
	}
	text += " Difference: ours minus paper."
	if t.any(func(c Cell) bool { return c.differenceText() == agree || c.differenceText() == disagree }) {
		text += " Agree: both diverged; disagree: only one did."
	}
	return text
}
