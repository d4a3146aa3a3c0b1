// Package paper shows tables of the paper with our numbers beside the printed
// ones: on a terminal, as JSON, as Markdown and as a self-contained HTML page.
// It knows nothing of how the numbers were made.
package paper

import (
	"fmt"
	"math"
	"time"

	"github.com/kafisto/kafisto/internal/report"
)

// Table is one table of the paper and what was measured for it. Empty strings
// and a zero Created are left out of what is written.
type Table struct {
	Name     string   // "table2": for files and JSON
	Title    string   // "Table 2: decay factor of the velocities"; empty means Name
	Caption  string   // settings that all rows share, one line
	Scaled   string   // "scaled down: 5,000 images, 2 epochs"; empty means the paper's full settings
	Keys     []string // heads of the leading columns: "KaFiStO variant", "α"
	Measures []string // heads of the measured columns: "Top-1 error", "Top-5 error"
	Rows     []Row
	Notes    []string // shown below the table, a line each
	Settings string   // of all runs, where they are not the program's defaults: "dataset=cifar10, epochs=5"

	Commit  string    // of the program's source
	Version string    // of the program
	Engine  string    // go, xla:cpu or xla:cuda
	Machine string    // one line: processor, cores, memory
	Command string    // that makes this table again
	Seeds   []int64   // of the runs of each row
	Created time.Time // when the table was made; shown in UTC
}

// Row is one line of a table.
type Row struct {
	Keys  []string // one a head in Table.Keys
	Cells []Cell   // one a head in Table.Measures
	Runs  []string // labels or folders of the runs behind it; JSON alone shows them
	// Settings are the row's own, in which not all runs of the table are the same;
	// the terminal and Markdown do not show them.
	Settings string
}

// Cell is one measure of a row: the paper's number and ours.
type Cell struct {
	Paper         *float64  // as printed; nil: the paper has none
	PaperSD       *float64  // the standard deviation that the paper prints with it; nil: none
	PaperDiverged bool      // the paper prints that training diverged
	Ours          []float64 // one value a seed that finished, in any order
	Diverged      int       // seeds that diverged, which have no value
	Missing       string    // why values lack: "not run", "no data", "in progress (3 of 5 epochs)"; empty if none do
}

// Mean is over the seeds that finished; NaN if none did.
func (c Cell) Mean() float64 { return c.stat().Mean }

// SD is the sample standard deviation over the seeds that finished; NaN for
// fewer than two.
func (c Cell) SD() float64 { return c.stat().SD }

// Difference is our mean minus the paper's number; NaN if one of them is not
// there or if a seed diverged, as the mean of the others would then flatter.
func (c Cell) Difference() float64 {
	if c.Paper == nil || c.Diverged > 0 {
		return math.NaN()
	}
	return c.Mean() - *c.Paper
}

// seeds is the number of seeds with a result, be it a value or that they
// diverged.
func (c Cell) seeds() int { return c.stat().N + c.Diverged }

func (c Cell) stat() report.Stat { return report.NewStat(c.Ours) }

// title is the table's heading.
func (t Table) title() string {
	if title := report.CleanText(t.Title); title != "" {
		return title
	}
	return report.CleanText(t.Name)
}

// severalSeeds says whether a cell has results of more than one seed, that is
// whether standard deviations and numbers of seeds are shown.
func (t Table) severalSeeds() bool {
	return t.any(func(c Cell) bool { return c.seeds() > 1 })
}

// any says whether one of the table's cells is as asked.
func (t Table) any(is func(Cell) bool) bool {
	for _, row := range t.Rows {
		for _, c := range row.Cells {
			if is(c) {
				return true
			}
		}
	}
	return false
}

// check refuses tables that cannot be shown.
func check(tables []Table) error {
	if len(tables) == 0 {
		return fmt.Errorf("report: there is no table to show; name at least one")
	}
	for _, t := range tables {
		if t.title() == "" {
			return fmt.Errorf("report: a table has neither a title nor a name; give it one")
		}
		if len(t.Rows) == 0 || len(t.Keys) == 0 || len(t.Measures) == 0 {
			return fmt.Errorf("report: table %q has %d rows, %d leading and %d measured columns; it needs at least one of each",
				t.title(), len(t.Rows), len(t.Keys), len(t.Measures))
		}
		for i, row := range t.Rows {
			if len(row.Keys) != len(t.Keys) || len(row.Cells) != len(t.Measures) {
				return fmt.Errorf("report: row %d of table %q has %d keys and %d cells; its heads are %d and %d",
					i+1, t.title(), len(row.Keys), len(row.Cells), len(t.Keys), len(t.Measures))
			}
			for j, c := range row.Cells {
				if c.Diverged < 0 {
					return fmt.Errorf("report: row %d of table %q has %d diverged seeds in cell %d; a number of seeds is 0 or more",
						i+1, t.title(), c.Diverged, j+1)
				}
			}
		}
	}
	return nil
}
