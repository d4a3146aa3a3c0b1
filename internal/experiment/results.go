package experiment

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/kafisto/kafisto/internal/data"
	"github.com/kafisto/kafisto/internal/job"
	"github.com/kafisto/kafisto/internal/report/paper"
	"github.com/kafisto/kafisto/internal/runlog"
)

// Result is a declaration with what its runs have left.
type Result struct {
	Declaration Declaration
	Profile     Profile
	Runs        []Finished
}

// Finished is a cell and the state of its run.
type Finished struct {
	Cell
	State  job.State
	NoData bool
}

// Results reads the results folder, of a grid that is run too, and gives one
// result for each declaration. Nothing is changed.
func (g *Grid) Results(dir string) ([]Result, error) {
	states := map[string]job.State{}
	var results []Result
	for i, d := range g.Declarations {
		r := Result{Declaration: d, Profile: g.Profile}
		for _, c := range g.cells[i] {
			state, known := states[c.Folder]
			if !known {
				var err error
				if state, err = job.Look(filepath.Join(dir, RunsFolder, c.Folder), c.Settings); err != nil {
					return nil, err
				}
				states[c.Folder] = state
			}
			r.Runs = append(r.Runs, Finished{c, state, g.NoData(c)})
		}
		results = append(results, r)
	}
	return results, nil
}

// Table puts the paper's numbers and ours side by side.
func (r Result) Table() paper.Table {
	d := r.Declaration
	t := paper.Table{Name: d.Name, Title: d.Title, Caption: d.Caption, Scaled: d.Scaled(r.Profile), Keys: d.Keys, Created: time.Now()}
	for _, column := range d.columns() {
		for _, name := range d.Measures {
			head := measures[name].title
			if column.Title != "" {
				head += ", " + column.Title
			}
			t.Measures = append(t.Measures, head)
		}
	}
	shared := common(r.Runs)
	t.Settings = settingsText(shared)
	for row := range d.Rows {
		line := r.row(row)
		line.Settings = r.rowSettings(row, shared)
		t.Rows = append(t.Rows, line)
	}
	for _, run := range r.Runs {
		if !slices.Contains(t.Seeds, run.Seed) {
			t.Seeds = append(t.Seeds, run.Seed)
		}
	}
	if bound := d.Settings["loss-bound"]; bound != nil {
		t.Notes = append(t.Notes, fmt.Sprintf("Diverged: a loss, gradient or filter state that is not finite, or a loss above %v.", bound))
	}
	if slices.Contains(d.Measures, "test-perplexity") {
		t.Notes = append(t.Notes, "Test perplexity: at the lowest validation loss of the run.")
	}
	t.Notes = append(append(t.Notes, r.unigramNotes()...), d.Notes...)
	r.provenance(&t)
	return t
}

// unigramNotes say what language models have to be below, for each data set.
func (r Result) unigramNotes() []string {
	var notes []string
	for _, f := range r.Runs {
		if f.State.Record == nil {
			continue
		}
		e, ok := f.State.Record.Log.TestAtBest()
		if !ok || e.UnigramPerplexity == 0 {
			continue
		}
		title := f.Settings.Dataset
		if info, err := data.Describe(title); err == nil {
			title = info.Title
		}
		note := fmt.Sprintf("%s: guessing words by how often they are in the training text has test perplexity %.1f.", title, e.UnigramPerplexity)
		if !slices.Contains(notes, note) {
			notes = append(notes, note)
		}
	}
	return notes
}

// row is a line of the table.
func (r Result) row(row int) paper.Row {
	d := r.Declaration
	line := paper.Row{Keys: d.Rows[row].Keys}
	for column := range d.columns() {
		runs := r.cell(row, column)
		for _, f := range runs {
			line.Runs = append(line.Runs, f.Folder)
		}
		numbers := d.paper(row, column)
		for i, name := range d.Measures {
			cell := newCell(runs, measures[name])
			if numbers != nil {
				cell.Paper, cell.PaperSD, cell.PaperDiverged = numbers[i].Value, numbers[i].SD, numbers[i].Diverged
			}
			line.Cells = append(line.Cells, cell)
		}
	}
	return line
}

// Cells are the runs of each row and column together, row by row.
func (r Result) Cells() [][]Finished {
	var cells [][]Finished
	for row := range r.Declaration.Rows {
		for column := range r.Declaration.columns() {
			if runs := r.cell(row, column); len(runs) > 0 {
				cells = append(cells, runs)
			}
		}
	}
	return cells
}

// cell are the runs of a row and a column.
func (r Result) cell(row, column int) []Finished {
	return slices.DeleteFunc(slices.Clone(r.Runs), func(f Finished) bool { return f.Row != row || f.Column != column })
}

// Status says in words how far a run is.
func (f Finished) Status() string {
	if f.NoData && !f.State.Done {
		return "no data"
	}
	return f.State.Text()
}

// newCell gathers a measure over the seeds of a cell.
func newCell(runs []Finished, m measure) paper.Cell {
	var c paper.Cell
	var missing []string
	for _, f := range runs {
		value, ok := m.of(f)
		status := f.Status()
		switch {
		case f.State.Diverged:
			c.Diverged++
			continue
		case f.State.Done && ok:
			c.Ours = append(c.Ours, value)
			continue
		case f.State.Done:
			status = "not measured"
		}
		if !slices.Contains(missing, status) {
			missing = append(missing, status)
		}
	}
	c.Missing = strings.Join(missing, ", ")
	return c
}

// last is the run's deciding evaluation after its last step; nil without one.
func (f Finished) last() *runlog.Eval {
	if f.State.Record == nil {
		return nil
	}
	evals := f.State.Record.Log.Deciding()
	if n := len(evals); n > 0 && evals[n-1].Step == f.State.Step {
		return &evals[n-1]
	}
	return nil
}

// Records are the runs that have done a step, each under the name of its row, and
// of its column where there are several.
func (r Result) Records() []job.Record {
	var records []job.Record
	for _, f := range r.Runs {
		if f.State.Record == nil || len(f.State.Record.Log.Steps) == 0 {
			continue
		}
		record := *f.State.Record
		record.Settings.Engine, record.Settings.DataDir, record.Settings.Features = "", "", "" // the log has the engine and names the features
		record.About.Group = r.Declaration.label(f.Row, f.Column)
		records = append(records, record)
	}
	return records
}

// label names a row's runs of a column.
func (d Declaration) label(row, column int) string {
	parts := d.Rows[row].Keys
	if len(d.Keys) == 1 && d.Keys[0] != "optimizer" {
		parts = []string{d.Keys[0] + " " + d.Rows[row].Keys[0]}
	}
	if title := d.columns()[column].Title; title != "" && len(d.Columns) > 1 {
		parts = append(slices.Clone(parts), title)
	}
	return strings.Join(parts, ", ")
}

// provenance says where the table's numbers come from.
func (r Result) provenance(t *paper.Table) {
	var commits, versions, engines, machines, commands []string
	add := func(list *[]string, text string) {
		if text != "" && !slices.Contains(*list, text) {
			*list = append(*list, text)
		}
	}
	for _, f := range r.Runs {
		if f.State.Record == nil {
			continue
		}
		about := f.State.Record.About
		add(&commits, about.Commit)
		add(&versions, about.Version)
		add(&machines, about.Machine)
		for _, command := range append([]string{about.Command}, about.Resumed...) {
			add(&commands, command)
		}
		for _, start := range f.State.Record.Log.Starts {
			add(&engines, start.Engine)
		}
	}
	t.Commit, t.Version, t.Engine = strings.Join(commits, "; "), strings.Join(versions, "; "), strings.Join(engines, "; ")
	t.Machine, t.Command = strings.Join(machines, "; "), strings.Join(commands, "\n")
}
