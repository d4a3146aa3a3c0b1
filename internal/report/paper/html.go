package paper

import (
	_ "embed"
	"fmt"
	"strings"

	"github.com/kafisto/kafisto/internal/atomicfile"
	"github.com/kafisto/kafisto/internal/report"
)

//go:embed page.html
var pageText string

var pageTemplate = report.ParsePage("paper", pageText)

// Page is the tables and figures of one HTML page; one of them must not be
// empty.
type Page struct {
	Title   string // empty means "The paper's numbers and ours"
	Tables  []Table
	Figures []report.Inline // shown below the tables
}

// page is what page.html shows.
type page struct {
	Title   string
	Tables  []pageTable
	Figures []report.Inline
}

type pageTable struct {
	Title, Caption, Warning, Legend, Command string
	Keys, Measures, Heads, Notes             []string // Heads of each measure
	Rows                                     []pageRow
	Own                                      bool // rows have settings of their own
	Facts                                    []report.Fact
}

type pageRow struct {
	Keys  []string
	Own   string     // its settings, under its full name
	Cells [][]string // a measure's columns each
}

// WriteHTML writes the page as one self-contained HTML file at path. It needs
// no script and loads nothing. The file is replaced as a whole or left as it
// was; its folder must exist.
func WriteHTML(path string, p Page) error {
	if len(p.Tables) > 0 || len(p.Figures) == 0 {
		if err := check(p.Tables); err != nil {
			return err
		}
	}
	var b strings.Builder
	if err := pageTemplate.Execute(&b, newPage(p)); err != nil {
		return fmt.Errorf("report: filling the page: %w", err)
	}
	if err := atomicfile.WriteBytes(path, []byte(b.String())); err != nil {
		return fmt.Errorf("report: %w", err)
	}
	return nil
}

func newPage(p Page) page {
	out := page{Title: report.CleanText(p.Title), Figures: p.Figures}
	if out.Title == "" {
		out.Title = "The paper's numbers and ours"
	}
	for _, t := range p.Tables {
		out.Tables = append(out.Tables, newPageTable(t))
	}
	return out
}

func newPageTable(t Table) pageTable {
	out := pageTable{
		Title: t.title(), Caption: report.CleanText(t.Caption), Warning: t.warning(), Heads: t.columnHeads(),
		Legend: t.legend(), Command: report.CleanLines(t.Command), Notes: t.lines(), Facts: t.facts(),
	}
	for _, key := range t.Keys {
		out.Keys = append(out.Keys, report.CleanText(key))
	}
	for _, measure := range t.Measures {
		out.Measures = append(out.Measures, report.CleanText(measure))
	}
	for i, keys := range t.keyTexts() {
		row := pageRow{Keys: keys}
		if own := report.CleanText(t.Rows[i].Settings); own != "" {
			row.Own = report.CleanText(strings.Join(t.Rows[i].Keys, ", ")) + ": " + own
			out.Own = true
		}
		for _, c := range t.Rows[i].Cells {
			row.Cells = append(row.Cells, t.columns(c))
		}
		out.Rows = append(out.Rows, row)
	}
	return out
}
