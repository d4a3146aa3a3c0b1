package cli

import (
	"errors"
	"io"
	"path/filepath"

	"github.com/kafisto/kafisto/internal/atomicfile"
	"github.com/kafisto/kafisto/internal/experiment"
	"github.com/kafisto/kafisto/internal/report"
	"github.com/kafisto/kafisto/internal/report/paper"
)

// tablesFile has the tables of a results folder for documents.
const tablesFile = "tables.md"

// reportGrid prints the experiments' tables, and writes tables and figures into
// the results folder.
func (s *session) reportGrid(grid *experiment.Grid, dir string) error {
	results, err := grid.Results(dir)
	if err != nil {
		return err
	}
	page := paper.Page{}
	for _, r := range results {
		page.Tables = append(page.Tables, r.Table())
		inline, err := drawFigure(filepath.Join(dir, figuresFolder), r)
		switch {
		case errors.Is(err, errNoFigure):
		case errors.Is(err, report.ErrNoValues):
			s.message(sentence(err))
		case err != nil:
			return err
		default:
			page.Figures = append(page.Figures, inline)
		}
	}
	if err := s.showTables(page.Tables); err != nil {
		return err
	}
	for name, write := range map[string]func(io.Writer, ...paper.Table) error{tablesFile: paper.WriteMarkdown, reportJSON: paper.WriteJSON} {
		err := atomicfile.Write(filepath.Join(dir, name), func(w io.Writer) error { return write(w, page.Tables...) })
		if err != nil {
			return err
		}
	}
	path := filepath.Join(dir, reportPage)
	if err := paper.WriteHTML(path, page); err != nil {
		return err
	}
	s.wrote(path)
	return nil
}

// errNoFigure tells of a declaration without a figure, or without runs to draw.
var errNoFigure = errors.New("no figure")

// drawFigure draws a declaration's figure into a folder, and for a page.
func drawFigure(dir string, r experiment.Result) (report.Inline, error) {
	records := r.Records()
	if r.Declaration.Figure == nil || len(records) == 0 {
		return report.Inline{}, errNoFigure
	}
	drawn := newReport(records)
	drawn.Title = r.Declaration.Title
	if scaled := r.Declaration.Scaled(r.Profile); scaled != "" {
		drawn.Scaled = scaled
	}
	if _, err := report.WriteComposite(dir, r.Declaration.Composite(), drawn); err != nil {
		return report.Inline{}, err
	}
	return report.InlineComposite(r.Declaration.Composite(), drawn)
}

// showTables prints the tables.
func (s *session) showTables(tables []paper.Table) error {
	if s.json {
		return s.compact(func(w io.Writer) error { return paper.WriteJSON(w, tables...) })
	}
	return paper.WriteText(s.stdout, tables...)
}
