package cli

import (
	"io"
	"os"
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
	figures := filepath.Join(dir, figuresFolder)
	for _, r := range results {
		page.Tables = append(page.Tables, r.Table())
		records := r.Records()
		if r.Declaration.Figure == nil || len(records) == 0 {
			continue
		}
		drawn := newReport(records)
		drawn.Title, drawn.Scaled = r.Declaration.Title, r.Declaration.Scaled(r.Profile)
		composite := r.Declaration.Composite()
		if err := os.MkdirAll(figures, 0o755); err != nil {
			return err
		}
		if _, err := report.WriteComposite(figures, composite, drawn); err != nil {
			return err
		}
		inline, err := report.InlineComposite(composite, drawn)
		if err != nil {
			return err
		}
		page.Figures = append(page.Figures, inline)
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

// showTables prints the tables.
func (s *session) showTables(tables []paper.Table) error {
	if s.json {
		return s.compact(func(w io.Writer) error { return paper.WriteJSON(w, tables...) })
	}
	return paper.WriteText(s.stdout, tables...)
}
