package cli

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/alecthomas/kong"

	"github.com/kafisto/kafisto/internal/engine"
	"github.com/kafisto/kafisto/internal/grid"
	"github.com/kafisto/kafisto/internal/job"
	"github.com/kafisto/kafisto/internal/train"
)

// compareCommand trains every contender with every seed. The same command goes
// on with what it left: finished runs stay, stopped ones are resumed.
type compareCommand struct {
	Contenders []string `arg:"" optional:"" name:"contender" help:"OPTIMIZER or OPTIMIZER:SETTING=VALUE,SETTING=VALUE..., such as kafisto:variant=paper. Default: kafisto sgd adam."`

	Dir   string       `type:"path" placeholder:"DIR" help:"Folder of the runs and the report. Default: runs/compare-DATASET-MODEL."`
	Seeds []int64      `default:"1" help:"Seeds, as 1,2,3."`
	File  settingsFlag `name:"settings" placeholder:"FILE" help:"Settings file: a JSON object with flags' names. Flags win; optimizer and seed in it are passed over."`
	Quiet bool         `help:"Show no progress."`

	Job job.Settings `embed:""`
}

// contenders are the settings that are not for all runs of a comparison.
var contenders = []string{"optimizer", "seed"}

// Help shows examples.
func (compareCommand) Help() string {
	return `Example: kafisto compare kafisto sgd:learning-rate=0.05 adam --seeds 1,2,3 --epochs 5

The same command goes on with a comparison that was stopped, and with more --epochs makes it longer.`
}

// BeforeResolve is called by kong once the command line is read.
func (c *compareCommand) BeforeResolve(context *kong.Context) error {
	if given(context, "optimizer") != nil {
		return errors.New("--optimizer is not for compare: name the contenders, as in kafisto compare kafisto sgd")
	}
	if given(context, "seed") != nil {
		return errors.New("--seed is not for compare: use --seeds")
	}
	return nil
}

// cell is one run of a comparison.
type cell struct {
	number    int    // counted from 1
	contender string // as on the command line
	dir       string
	settings  job.Settings
	started   bool // the folder holds the run
	done      bool // it needs no more steps
	diverged  bool // it is done for that
}

// Run trains what is left of the comparison, and reports on all of it.
func (c *compareCommand) Run(s *session) error {
	cells, err := c.cells()
	if err != nil {
		return err
	}
	if err := checkReportFolder(c.Dir); err != nil {
		return err
	}
	dirs := make([]string, len(cells))
	for i := range cells {
		dirs[i] = cells[i].dir
		if err := cells[i].look(); err != nil {
			return err
		}
	}
	if err := c.train(s, cells); err != nil {
		return advised(err, "give the same command again")
	}
	runs, err := readRuns(s, dirs)
	if err != nil {
		return err
	}
	r := newReport(runs)
	if err := s.showReport(r); err != nil {
		return err
	}
	return s.writeReport(c.Dir, r)
}

// cells are all runs of the comparison, seed by seed.
func (c *compareCommand) cells() ([]cell, error) {
	if len(c.Contenders) == 0 {
		c.Contenders = []string{"kafisto", "sgd", "adam"}
	}
	if c.Dir == "" {
		c.Dir = filepath.Join("runs", fmt.Sprintf("compare-%s-%s", c.Job.Dataset, c.Job.Model))
	}
	if len(c.Seeds) == 0 {
		return nil, usage(errors.New("no seeds: give at least one, as --seeds 1,2,3"))
	}
	var cells []cell
	for i, seed := range c.Seeds {
		if slices.Contains(c.Seeds[:i], seed) {
			return nil, usage(fmt.Errorf("seed %d is given twice: name it once", seed))
		}
		for _, contender := range c.Contenders {
			settings, err := contenderSettings(c.Job, contender)
			if err != nil {
				return nil, usage(fmt.Errorf("contender %q: %w", contender, err))
			}
			settings.Seed = seed
			dir := filepath.Join(c.Dir, fmt.Sprintf("%s-seed%d", folderName(contender), seed))
			if slices.ContainsFunc(cells, func(other cell) bool { return other.dir == dir }) {
				return nil, usage(fmt.Errorf("contender %q: another one has the same folder: name each contender once", contender))
			}
			cells = append(cells, cell{number: len(cells) + 1, contender: contender, dir: dir, settings: settings})
		}
	}
	return cells, nil
}

// contenderSettings are the shared settings with those that a contender's text
// names.
func contenderSettings(shared job.Settings, text string) (job.Settings, error) {
	optimizer, list, some := strings.Cut(text, ":")
	values := map[string]string{"optimizer": optimizer}
	for part := range strings.SplitSeq(list, ",") {
		if !some {
			break
		}
		name, value, ok := strings.Cut(part, "=")
		switch {
		case !ok || name == "":
			return shared, fmt.Errorf("%q is not SETTING=VALUE: write OPTIMIZER:SETTING=VALUE,SETTING=VALUE", part)
		case slices.Contains(contenders, name):
			return shared, fmt.Errorf("%s is not for a contender to set: the text begins with the optimizer, and --seeds has the seeds", name)
		case values[name] != "":
			return shared, fmt.Errorf("%s is set twice: set it once", name)
		}
		values[name] = value
	}
	settings, err := shared.Set(values)
	if err != nil {
		return shared, err
	}
	return settings, settings.Check()
}

// folderName is a contender's text as a folder may be called on every system.
func folderName(contender string) string {
	return strings.Map(func(r rune) rune {
		if strings.ContainsRune("abcdefghijklmnopqrstuvwxyz0123456789-+.=,", r) {
			return r
		}
		return '_'
	}, contender)
}

// look finds out what the cell's folder holds. A run of other settings, or one
// that is longer than asked for, is an error.
func (c *cell) look() error {
	state, err := job.Look(c.dir, c.settings)
	c.started, c.done, c.diverged = state.Started, state.Done, state.Diverged
	return err
}

// train carries out the cells that are not done, on one engine. Cells on which
// another process works are waited for.
func (c *compareCommand) train(s *session, cells []cell) error {
	w := cellWorker{session: s, quiet: c.Quiet, cells: len(cells)}
	defer func() {
		if w.opened != nil {
			w.opened.Close()
		}
	}()
	return grid.Share(s.ctx, cells, s.message, func(_ context.Context, cell cell) error { return w.do(cell) })
}

// cellWorker trains cells, all on one engine.
type cellWorker struct {
	*session
	quiet  bool
	cells  int // in all
	opened *engine.Engine
}

// do carries out a cell that is not done. A run that diverges is recorded in its
// folder. Where another process works on the cell the error is job.ErrClaimed.
func (w *cellWorker) do(cell cell) error {
	unlock, err := job.Claim(cell.dir)
	if err != nil {
		return err
	}
	defer unlock()
	if err := cell.look(); err != nil { // again, now that nobody else works there
		return err
	}
	label := fmt.Sprintf("%s seed %d", cell.contender, cell.settings.Seed)
	if cell.diverged {
		w.message(fmt.Sprintf("%s: diverged already, in %s; to train it again choose another folder or delete this one", label, short(cell.dir)))
		return nil
	}
	if cell.done {
		w.message(fmt.Sprintf("%s: done already, in %s", label, short(cell.dir)))
		return nil
	}
	o := w.options(w.newConsole(label, w.quiet))
	if w.opened == nil {
		if w.opened, err = job.OpenEngine(w.ctx, cell.settings, o); err != nil {
			return err
		}
	}
	o.Dir, o.Resume, o.Engine, o.Claimed, o.About.Group = cell.dir, cell.started, w.opened, true, cell.contender
	if !w.quiet {
		w.message(fmt.Sprintf("%s: run %d of %d, on %s", label, cell.number, w.cells, w.opened.Name))
	}
	if _, err = job.Run(w.ctx, cell.settings, o); errors.Is(err, train.ErrDiverged) {
		w.message(fmt.Sprintf("%s: %s", label, sentence(err)))
		return nil
	}
	return err
}
