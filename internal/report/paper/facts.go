package paper

import (
	"strconv"
	"strings"

	"github.com/kafisto/kafisto/internal/report"
)

// fact is one line of where a table comes from.
type fact struct{ Name, Text string }

// facts are where the table comes from, what is not known left out; the
// command stands apart.
func (t Table) facts() []fact {
	scale := report.CleanText(t.Scaled)
	if scale == "" {
		scale = "the paper's"
	}
	seeds := make([]string, len(t.Seeds))
	for i, seed := range t.Seeds {
		seeds[i] = strconv.FormatInt(seed, 10)
	}
	created := ""
	if !t.Created.IsZero() {
		created = t.Created.UTC().Format("2 January 2006, 15:04 UTC")
	}
	var facts []fact
	for _, f := range []fact{
		{"Scale", scale}, {"Seeds", strings.Join(seeds, ", ")}, {"Engine", t.Engine}, {"Machine", t.Machine},
		{"Version", t.Version}, {"Commit", t.Commit}, {"Made", created},
	} {
		if f.Text = report.CleanText(f.Text); f.Text != "" {
			facts = append(facts, f)
		}
	}
	return facts
}

// lines are the notes, empty ones left out.
func (t Table) lines() []string {
	var lines []string
	for _, note := range t.Notes {
		if note = report.CleanText(note); note != "" {
			lines = append(lines, note)
		}
	}
	return lines
}
