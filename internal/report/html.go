package report

import (
	_ "embed"
	"fmt"
	"html/template"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/kafisto/kafisto/internal/atomicfile"
)

//go:embed page.html
var pageText string

var pageTemplate = ParsePage("page", pageText)

// page is what page.html shows.
type page struct {
	Report     Report
	Title      string
	Headline   string
	Created    string
	Groups     []pageGroup
	Columns    []string
	Rows       []pageRow
	TableNote  string
	Sections   []pageSection
	Samples    []pageSamples
	NotShown   string // says how many sample grids are not on the page; empty if all are
	Different  []settingRow
	Common     []settingRow
	Runs       []pageRun
	Provenance []Fact
}

// pageGroup is a group with the custom property that holds its colour.
type pageGroup struct {
	Name, Text string
	Colour     template.CSS
}

type pageRow struct {
	Group pageGroup
	Seeds string
	Cells []cell
}

type pageSection struct {
	Title, Text string
	Figures     []pageFigure
}

type pageFigure struct {
	Title, Caption, Dropped string
	SVG                     template.HTML
}

type pageRun struct {
	Label, Seed, Status, Message, Steps string
	Diverged                            bool
	Figures                             []string
}

// Fact is one line of where a report comes from.
type Fact struct{ Name, Text string }

// WriteHTML writes the whole report as one self-contained HTML file at path:
// summary, figures, settings, runs and where they come from. The page needs
// no script and loads nothing. The file is replaced as a whole or left as it
// was; its folder must exist.
func WriteHTML(path string, r Report) error {
	if err := r.check(); err != nil {
		return err
	}
	content, err := newPage(r)
	if err != nil {
		return err
	}
	var b strings.Builder
	if err := pageTemplate.Execute(&b, content); err != nil {
		return fmt.Errorf("report: filling the page: %w", err)
	}
	err = atomicfile.Write(path, func(w io.Writer) error {
		_, err := io.WriteString(w, b.String())
		return err
	})
	if err != nil {
		return fmt.Errorf("report: %w", err)
	}
	return nil
}

func newPage(r Report) (page, error) {
	groups, summaries := r.groups(), Summarize(r)
	columns := shownColumns(summaries)
	p := page{
		Report: r, Title: r.title(), Headline: headline(summaries),
		TableNote: pageNote(r, summaries), Provenance: provenance(r, summaries),
	}
	if !r.Created.IsZero() {
		p.Created = CreatedText(r.Created)
	}
	for _, c := range columns {
		p.Columns = append(p.Columns, c.long)
	}
	table := cells(summaries, columns)
	for i, g := range groups {
		pg := pageGroup{Name: g.name, Text: legendText(g), Colour: template.CSS("var(--" + groupProperty(i) + ")")}
		p.Groups = append(p.Groups, pg)
		p.Rows = append(p.Rows, pageRow{Group: pg, Seeds: seedsNote(summaries[i]), Cells: table[i]})
		for _, run := range g.runs {
			p.Runs = append(p.Runs, newPageRun(run, columns))
		}
	}
	p.Different, p.Common = settingRows(groups)
	p.Samples, p.NotShown = samplesOf(p.Groups, groups)
	var err error
	p.Sections, err = pageSections(groups)
	return p, err
}

// pageSections draws the figures and puts them under their headings.
func pageSections(groups []group) ([]pageSection, error) {
	var sections []pageSection
	for _, p := range panels(groups) {
		svg, err := renderInline(p)
		if err != nil {
			return nil, err
		}
		n := len(sections)
		if n == 0 || sections[n-1].Title != p.section {
			sections = append(sections, pageSection{Title: p.section, Text: sectionTexts[p.section]})
			n++
		}
		f := pageFigure{Title: p.title, Caption: p.caption, SVG: template.HTML(svg), Dropped: droppedNote(p.dropped, p.log)}
		sections[n-1].Figures = append(sections[n-1].Figures, f)
	}
	return sections, nil
}

// droppedNote says how many values could not be drawn and why; empty if none.
func droppedNote(n int, log bool) string {
	switch {
	case n == 0:
		return ""
	case log:
		return fmt.Sprintf("Values not drawn: %d. They are not finite or not above 0, which a logarithmic axis cannot show.", n)
	default:
		return fmt.Sprintf("Values not drawn: %d. They are not finite.", n)
	}
}

func newPageRun(run Run, columns []column) pageRun {
	m := measure(run.Log)
	p := pageRun{
		Label: run.Label, Seed: strconv.FormatUint(run.Seed, 10),
		Status: status(run.Log), Diverged: diverged(run.Log), Message: message(run.Log),
		Steps: strconv.FormatInt(lastStep(run.Log), 10),
	}
	for _, c := range columns {
		p.Figures = append(p.Figures, FormatNumber(c.of(m), c.runDecimals))
	}
	return p
}

// pageNote explains the summary table.
func pageNote(r Report, summaries []Summary) string {
	note := lossNote(tasksOf(summaries)) + "seconds a step is the median; total seconds are steps and evaluations, without start-up."
	if severalSeeds(summaries) {
		note += " Mean ± sample standard deviation over the seeds that did not diverge."
	} else {
		note += " One seed each, so there is no standard deviation."
	}
	for _, more := range []string{unigramNote(r), ganNote(summaries)} {
		if more != "" {
			note += " " + more
		}
	}
	return note
}

// lossNote says which figures are of the validation split, and which are means.
func lossNote(of tasks) string {
	if of&(classification|language) == 0 {
		return "Losses of generator and critic are means of the last 50 steps; "
	}
	note := map[tasks]string{
		classification:            "Errors and losses on the validation split; ",
		language:                  "Perplexities and losses on the validation split; ",
		classification | language: "Errors, perplexities and losses on the validation split; ",
	}[of&(classification|language)]
	if of&language != 0 {
		note += "test perplexity is that at the lowest validation loss; "
	}
	note += "training loss is the mean of the last 50 steps; "
	if of&generation != 0 {
		note += "losses of generator and critic are, too; "
	}
	return note
}

// CreatedText is a time as pages show it.
func CreatedText(t time.Time) string { return t.UTC().Format("2 January 2006, 15:04 UTC") }

// provenance is where the report comes from.
func provenance(r Report, summaries []Summary) []Fact {
	var seeds []string
	for _, s := range summaries {
		var list []string
		for _, seed := range s.Seeds {
			list = append(list, strconv.FormatUint(seed, 10))
		}
		seeds = append(seeds, s.Group+": "+strings.Join(list, ", "))
	}
	scale := "full"
	if r.Scaled != "" {
		scale = r.Scaled
	}
	var facts []Fact
	for _, f := range []Fact{
		{"Scale", scale}, {"Seeds", strings.Join(seeds, "; ")}, {"Engine", r.Engine},
		{"Machine", r.Machine}, {"Version", r.Version}, {"Commit", r.Commit},
	} {
		if f.Text = CleanText(f.Text); f.Text != "" {
			facts = append(facts, f)
		}
	}
	return facts
}
