package experiment

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/kafisto/kafisto/internal/grid"
	"github.com/kafisto/kafisto/internal/train"
)

// Options say where and how a grid is run; nothing here changes its results.
type Options = grid.Options

// Grid is the runs of some declarations under a profile.
type Grid struct {
	Profile      Profile
	Declarations []Declaration
	Seeds        []int64 // of every declaration; none means DefaultSeeds
	cells        [][]Cell
	noData       map[string]bool // data sets that were not found
}

// NewGrid puts together the runs of the declarations.
func NewGrid(declarations []Declaration, profile Profile, seeds []int64) (*Grid, error) {
	g := &Grid{Profile: profile, Declarations: declarations, Seeds: seeds, noData: map[string]bool{}}
	for _, d := range declarations {
		own := seeds
		if len(own) == 0 {
			own = d.DefaultSeeds(profile)
		}
		cells, err := d.Cells(profile, own)
		if err != nil {
			return nil, err
		}
		g.cells = append(g.cells, cells)
	}
	return g, nil
}

// Runs are all runs of the grid, each once, in the order in which they are done.
func (g *Grid) Runs() []Cell { return unique(slices.Concat(g.cells...)) }

// NoData tells that a run's data set was not found.
func (g *Grid) NoData(c Cell) bool { return g.noData[c.Settings.Dataset] }

// FindData looks for the data sets of the runs, and fetches those that are missing
// in the cache folder. Runs without data are left out. That there is no data for
// any run is an error.
func (g *Grid) FindData(ctx context.Context, o Options) error {
	missing := g.LookForData(ctx, o, true)
	if ctx.Err() != nil {
		return fmt.Errorf("experiment: %w before the first run", train.ErrStopped)
	}
	if !slices.ContainsFunc(g.Runs(), func(c Cell) bool { return !g.NoData(c) }) {
		return fmt.Errorf("experiment: there is nothing to run: %w", errors.Join(missing...))
	}
	return nil
}

// LookForData finds out which data sets of the runs are there, and tells of the
// others. With fetch, those missing in the cache folder are downloaded.
func (g *Grid) LookForData(ctx context.Context, o Options, fetch bool) (missing []error) {
	for _, c := range g.Runs() {
		name := c.Settings.Dataset
		if _, known := g.noData[name]; known {
			continue
		}
		err := grid.FindData(ctx, c.Settings, o, fetch)
		g.noData[name] = err != nil
		if err != nil {
			o.Message(fmt.Sprintf("no data for the cells of %s: %v", name, err))
			missing = append(missing, err)
		}
	}
	return missing
}

// Run does what is left of the grid, see grid.Do.
func (g *Grid) Run(ctx context.Context, o Options) error {
	if err := g.trainClassifiers(ctx, o); err != nil {
		return err
	}
	var runs []grid.Run
	for _, c := range slices.DeleteFunc(g.Runs(), g.NoData) {
		runs = append(runs, grid.Run{Folder: c.Folder, Settings: c.Settings})
	}
	if err := grid.Do(ctx, runs, o); err != nil {
		return err
	}
	return g.measureFID(ctx, o)
}
