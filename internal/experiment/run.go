package experiment

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/kafisto/kafisto/internal/data"
	"github.com/kafisto/kafisto/internal/engine"
	"github.com/kafisto/kafisto/internal/job"
	"github.com/kafisto/kafisto/internal/train"
)

// Options say where and how a grid is run; nothing here changes its results.
type Options struct {
	Dir     string // results folder
	DataDir string // folder of data sets; "" means the cache folder, to which what is missing is downloaded
	Engine  string // as a run's setting
	// Job gives what the runs need, by a run's label.
	Job func(label string) job.Options
	// Message tells the user something.
	Message func(text string)
}

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
		s := c.Settings
		s.DataDir = o.DataDir
		err := findData(ctx, s, o, fetch)
		g.noData[name] = err != nil
		if err != nil {
			o.Message(fmt.Sprintf("no data for the cells of %s: %v", name, err))
			missing = append(missing, err)
		}
	}
	return missing
}

// findData finds a run's data set.
func findData(ctx context.Context, s job.Settings, o Options, fetch bool) error {
	var folder string
	var err error
	if fetch {
		folder, err = job.FindData(ctx, s, o.Job(s.Dataset))
	} else {
		folder, err = job.DataFolder(s)
	}
	if err != nil {
		return err
	}
	return data.Locate(s.Dataset, folder)
}

// Run does what is left of the grid. The folder may be shared: a run that another
// process works on is passed over, and waited for at the end; should that process
// die, it is gone on with. A run that diverges is a result. When ctx is cancelled
// the run in progress is saved, and the error is train.ErrStopped.
func (g *Grid) Run(ctx context.Context, o Options) error {
	left := slices.DeleteFunc(g.Runs(), g.NoData)
	w := &worker{Grid: g, Options: o, labels: map[string]string{}}
	defer w.close()
	for i, c := range left { // before anything is run
		w.labels[c.Folder] = fmt.Sprintf("run %d of %d", i+1, len(left))
		if _, err := job.Look(w.folder(c), c.Settings); err != nil {
			return err
		}
	}
	told := false
	for {
		var busy []Cell
		for _, c := range left {
			switch err := w.do(ctx, c); {
			case errors.Is(err, job.ErrClaimed):
				busy = append(busy, c)
			case err != nil:
				return err
			}
		}
		if len(busy) == 0 {
			return nil
		}
		if len(busy) < len(left) { // look again at once: the others have gone on meanwhile
			left = busy
			continue
		}
		if !told {
			o.Message(fmt.Sprintf("waiting for other processes: %d of the runs", len(left)))
			told = true
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("experiment: %w while waiting for other processes", train.ErrStopped)
		case <-time.After(500 * time.Millisecond):
		}
	}
}

// worker does runs, all on one engine.
type worker struct {
	*Grid
	Options
	engine *engine.Engine
	labels map[string]string // of the runs, by folder
}

func (w *worker) folder(c Cell) string { return filepath.Join(w.Dir, RunsFolder, c.Folder) }

// do does a run as far as it is not done. Where another process has claimed it
// the error is job.ErrClaimed.
func (w *worker) do(ctx context.Context, c Cell) error {
	dir := w.folder(c)
	unlock, err := job.Claim(dir)
	if err != nil {
		return err
	}
	defer unlock()
	state, err := job.Look(dir, c.Settings)
	if err != nil || state.Done {
		return err
	}
	s := c.Settings
	s.Engine, s.DataDir = w.Engine, w.DataDir
	label := w.labels[c.Folder]
	o := w.Job(label)
	if w.engine == nil {
		if w.engine, err = job.OpenEngine(ctx, s, o); err != nil {
			return err
		}
	}
	w.Message(fmt.Sprintf("%s, on %s: %s", label, w.engine.Name, c.Folder))
	o.Dir, o.Resume, o.Engine, o.Claimed = dir, state.Started, w.engine, true
	if _, err = job.Run(ctx, s, o); errors.Is(err, train.ErrDiverged) {
		w.Message(fmt.Sprintf("%s %s", label, strings.TrimPrefix(err.Error(), "train: ")))
		return nil
	}
	return err
}

func (w *worker) close() {
	if w.engine != nil {
		w.engine.Close()
	}
}
