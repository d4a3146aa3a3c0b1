package cli

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/kafisto/kafisto/internal/engine"
	"github.com/kafisto/kafisto/internal/experiment"
	"github.com/kafisto/kafisto/internal/job"
)

// reproduceCommand runs the paper's experiments, or a user's own grids. The same
// command goes on with what it left, and may be given on several machines or
// several times at once.
type reproduceCommand struct {
	Experiments []string `arg:"" name:"experiment" help:"${experiments}, or a declaration of your own: a file that ends in .json."`

	Profile    string  `default:"short" placeholder:"PROFILE" help:"full: the paper's settings; short: scaled down to minutes or hours on two cores, and labelled so. Default: short."`
	Seeds      []int64 `help:"Seeds, as 1,2,3. Default: as many as the paper's; for short 1,2."`
	Dir        string  `type:"path" placeholder:"DIR" help:"Results folder, which several processes may share. Default: runs/reproduce-PROFILE."`
	DataDir    string  `type:"path" placeholder:"DIR" help:"Folder with the data sets' files. Default: the cache folder, to which what is missing is downloaded. Cells without data are left out."`
	Engine     string  `default:"auto" help:"Engine: ${engines}."`
	DryRun     bool    `help:"Run nothing: list the runs, and estimate their time from measured steps."`
	ReportOnly bool    `help:"Run nothing: report on what is there."`
	Quiet      bool    `help:"Show no progress."`
}

// Help shows examples.
func (reproduceCommand) Help() string {
	return `Example: kafisto reproduce table2 table3 table4 --profile short

The same command goes on with a grid that was stopped. Given several times at once on one folder, each run is done by one of them.`
}

// Run does what is left of the experiments, and reports on all of it.
func (c *reproduceCommand) Run(s *session) error {
	grid, err := c.grid()
	if err != nil {
		return usage(err)
	}
	if c.Dir == "" {
		c.Dir = filepath.Join("runs", "reproduce-"+c.Profile)
	}
	o := experiment.Options{
		Dir: c.Dir, DataDir: c.DataDir, Engine: c.Engine, Message: s.message,
		Job: func(label string) job.Options { return s.options(s.newConsole(label, c.Quiet)) },
	}
	if c.DryRun {
		return s.dryRun(grid, o)
	}
	if c.ReportOnly {
		err = experiment.CheckFolder(c.Dir, grid.Profile)
		if errors.Is(err, fs.ErrNotExist) {
			err = fmt.Errorf("there are no results in %s: run the same command without --report-only", c.Dir)
		}
		if err != nil {
			return err
		}
		grid.LookForData(s.ctx, o, false)
		return s.reportGrid(grid, c.Dir)
	}
	if err := grid.FindData(s.ctx, o); err != nil {
		return err
	}
	if err := experiment.Open(c.Dir, grid.Profile); err != nil {
		return err
	}
	if err := grid.Run(s.ctx, o); err != nil {
		return advised(err, "give the same command again")
	}
	return s.reportGrid(grid, c.Dir)
}

// grid are the experiments' runs.
func (c *reproduceCommand) grid() (*experiment.Grid, error) {
	profile, err := experiment.ParseProfile(c.Profile)
	if err != nil {
		return nil, err
	}
	if _, err := engine.Parse(c.Engine); err != nil {
		return nil, err
	}
	for i, seed := range c.Seeds {
		if seed < 0 || slices.Contains(c.Seeds[:i], seed) {
			return nil, fmt.Errorf("seed %d is negative or given twice: give seeds as 1,2,3", seed)
		}
	}
	var declarations []experiment.Declaration
	for _, name := range c.Experiments {
		d, err := declaration(name)
		if err != nil {
			return nil, err
		}
		if slices.ContainsFunc(declarations, func(other experiment.Declaration) bool { return other.Name == d.Name }) {
			return nil, fmt.Errorf("the experiment %s is given twice: name it once", d.Name)
		}
		declarations = append(declarations, d)
	}
	return experiment.NewGrid(declarations, profile, c.Seeds)
}

// declaration is an experiment of the program's, or one from a file.
func declaration(name string) (experiment.Declaration, error) {
	if !strings.HasSuffix(name, ".json") {
		return experiment.ByName(name)
	}
	file, err := os.Open(name)
	if err != nil {
		return experiment.Declaration{}, fmt.Errorf("cannot read the declaration: %w: check the path", err)
	}
	defer file.Close()
	d, err := experiment.Parse(file)
	if err != nil {
		return d, fmt.Errorf("%s: %w", name, err)
	}
	return d, nil
}
