package paper

import (
	"strconv"
	"strings"

	"github.com/kafisto/kafisto/internal/report"
)

// facts are where the table comes from, what is not known left out; the
// command stands apart.
func (t Table) facts() []report.Fact {
	scale := report.CleanText(t.Scaled)
	switch {
	case scale == "" && t.oursAlone():
		scale = "as declared"
	case scale == "":
		scale = "the paper's"
	}
	seeds := make([]string, len(t.Seeds))
	for i, seed := range t.Seeds {
		seeds[i] = strconv.FormatInt(seed, 10)
	}
	created := ""
	if !t.Created.IsZero() {
		created = report.CreatedText(t.Created)
	}
	var facts []report.Fact
	for _, f := range []report.Fact{
		{Name: "Scale", Text: scale}, {Name: "Seeds", Text: strings.Join(seeds, ", ")}, {Name: "Settings", Text: t.Settings}, {Name: "Engine", Text: t.Engine}, {Name: "Machine", Text: t.Machine},
		{Name: "Version", Text: t.Version}, {Name: "Commit", Text: t.Commit}, {Name: "Made", Text: created},
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
