package cli

import (
	"github.com/kafisto/kafisto/internal/experiment"
	"github.com/kafisto/kafisto/internal/report/paper"
)

// reportGrid prints the experiments' tables and writes their report.
func (s *session) reportGrid(grid *experiment.Grid, dir string) error {
	results, err := grid.Results(dir)
	if err != nil {
		return err
	}
	var tables []paper.Table
	for _, r := range results {
		tables = append(tables, r.Table())
	}
	return paper.WriteText(s.stdout, tables...)
}
