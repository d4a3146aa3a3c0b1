package experiment

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/kafisto/kafisto/internal/grid"
	"github.com/kafisto/kafisto/internal/job"
)

// Cell is one training run of a grid: a row and a column of a declaration with
// one seed.
type Cell struct {
	Row, Column int
	Seed        int64
	Settings    job.Settings
	// Folder is the run's name in the results folder. Runs of the same settings
	// and length have the same.
	Folder string
}

// Cells are the runs of a declaration, seed by seed, row by row.
func (d Declaration) Cells(profile Profile, seeds []int64) ([]Cell, error) {
	type place struct {
		row, column int
		job.Settings
	}
	var places []place
	for row := range d.Rows {
		for column := range d.columns() {
			s, err := d.resolve(profile, row, column)
			if err != nil {
				return nil, err
			}
			if !d.absent(profile, row, column) {
				places = append(places, place{row, column, s.Canonical()})
			}
		}
	}
	if len(places) == 0 {
		return nil, fmt.Errorf("experiment: %s has no cells where it is %s: all of the paper's numbers are null, or all columns full-only; leave that out to run all", d.Name, profile)
	}
	var cells []Cell
	for _, seed := range seeds {
		for _, p := range places {
			p.Seed = seed
			folder, err := folderName(p.Settings)
			if err != nil {
				return nil, err
			}
			cells = append(cells, Cell{p.row, p.column, seed, p.Settings, folder})
		}
	}
	return cells, nil
}

// DefaultSeeds are the seeds that the paper's numbers are means of; for the short
// profile two, or as many as the declaration says.
func (d Declaration) DefaultSeeds(profile Profile) []int64 {
	n := d.Seeds
	if profile == Short {
		n = cmp.Or(d.ShortSeeds, 2)
	}
	seeds := make([]int64, n)
	for i := range seeds {
		seeds[i] = int64(i) + 1
	}
	return seeds
}

// named are the settings that a folder's name tells where they are not the
// defaults.
var named = []string{"algorithm", "variant", "velocity-decay", "parameter-variance", "velocity-variance", "constant-measurement-noise",
	"constant-state-noise", "target", "learning-rate", "initializer", "batch-size"}

// folderName is a run's name: some settings for people, and the beginning of a
// hash of all that decide the result, the length among them.
func folderName(s job.Settings) (string, error) {
	length, err := s.Length()
	if err != nil {
		return "", err
	}
	parts := []string{s.Dataset, s.Model, s.Optimizer}
	values, defaults := s.Map(), job.Defaults().Map()
	for _, name := range named {
		if value, set := values[name]; set && value != defaults[name] {
			parts = append(parts, fmt.Sprintf("%s=%v", name, value))
		}
	}
	return grid.FolderName(append(parts, fmt.Sprintf("seed%d", s.Seed)), fmt.Sprintf("%s %d", s.Hash(), length)), nil
}

// unique are the cells of several declarations, each run once: first all of one
// seed, then all of the next.
func unique(cells []Cell) []Cell {
	seen := map[string]bool{}
	var out []Cell
	for _, c := range cells {
		if !seen[c.Folder] {
			seen[c.Folder] = true
			out = append(out, c)
		}
	}
	slices.SortStableFunc(out, func(a, b Cell) int { return int(a.Seed - b.Seed) })
	return out
}
