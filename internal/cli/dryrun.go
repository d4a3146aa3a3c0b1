package cli

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/kafisto/kafisto/internal/bench"
	"github.com/kafisto/kafisto/internal/engine"
	"github.com/kafisto/kafisto/internal/experiment"
	"github.com/kafisto/kafisto/internal/job"
)

// plannedRun is a run of a grid as JSON.
type plannedRun struct {
	Type       string         `json:"type"` // "run"
	Experiment string         `json:"experiment"`
	Row        []string       `json:"row"` // its keys
	Column     string         `json:"column,omitempty"`
	Seed       int64          `json:"seed"`
	Folder     string         `json:"folder"`
	State      string         `json:"state"`
	Seconds    float64        `json:"estimated_seconds"` // left
	Settings   map[string]any `json:"settings"`
}

// dryRun lists the cells of the grid, says how far they are, and estimates how
// long the rest will take.
func (s *session) dryRun(grid *experiment.Grid, o experiment.Options) error {
	if err := experiment.CheckFolder(o.Dir, grid.Profile); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	grid.LookForData(s.ctx, o, false)
	results, err := grid.Results(o.Dir)
	if err != nil {
		return err
	}
	left, err := s.estimate(results, o)
	if err != nil {
		return err
	}
	if s.json {
		s.planObjects(results, left)
		return nil
	}
	for _, r := range results {
		s.plan(r, left)
	}
	var total time.Duration
	for _, d := range left {
		total += d
	}
	runs, noData := grid.Runs(), 0
	for _, c := range runs {
		if grid.NoData(c) {
			noData++
		}
	}
	s.line("%s in all, each done once: %d done, %d without data, %d left, about %s on this machine if it does nothing else",
		count(int64(len(runs)), "run"), len(runs)-noData-len(left), noData, len(left), total.Round(time.Second))
	return nil
}

// estimate measures steps of what is left, on the engine of the options.
func (s *session) estimate(results []experiment.Result, o experiment.Options) (map[string]time.Duration, error) {
	var opened *engine.Engine
	defer func() {
		if opened != nil {
			opened.Close()
		}
	}()
	return experiment.Estimate(s.ctx, results, func(ctx context.Context, settings job.Settings) (float64, error) {
		if opened == nil {
			settings.Engine = o.Engine
			var err error
			if opened, err = job.OpenEngine(ctx, settings, o.Job("estimate")); err != nil {
				return 0, err
			}
		}
		s.message(fmt.Sprintf("measuring a step of %s, batch size %d, on %s", settings.Model, settings.BatchSize, opened.Name))
		return bench.StepSeconds(ctx, opened, settings)
	})
}

// plan prints an experiment's cells, one a line.
func (s *session) plan(r experiment.Result, left map[string]time.Duration) {
	d := r.Declaration
	s.line("%s: %s", d.Name, d.Title)
	if scaled := d.Scaled(r.Profile); scaled != "" {
		s.line("%s", scaled)
	}
	w := tabwriter.NewWriter(s.stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintf(w, "%s\truns\tseeds\tpaper\tstate\ttime left\n", strings.Join(d.Keys, "\t"))
	for _, cell := range r.Cells() {
		var seeds, states []string
		var time time.Duration
		for _, f := range cell {
			seeds = append(seeds, fmt.Sprint(f.Seed))
			time += left[f.Folder]
			if state := f.Status(); len(states) == 0 || states[len(states)-1] != state {
				states = append(states, state)
			}
		}
		first, estimate := cell[0], "–"
		if time > 0 {
			estimate = time.Round(1e9).String()
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\n", strings.Join(d.Rows[first.Row].Keys, "\t"), d.ColumnTitle(first.Column),
			strings.Join(seeds, ","), d.PaperText(first.Row, first.Column), strings.Join(states, ", "), estimate)
	}
	w.Flush()
	s.line("%d cells in %d rows\n", len(r.Cells()), len(d.Rows))
}

// planObjects prints all runs as JSON.
func (s *session) planObjects(results []experiment.Result, left map[string]time.Duration) {
	for _, r := range results {
		for _, f := range r.Runs {
			d := r.Declaration
			s.object(plannedRun{"run", d.Name, d.Rows[f.Row].Keys, d.ColumnTitle(f.Column), f.Seed, f.Folder, f.Status(), left[f.Folder].Seconds(), f.Settings.Map()})
		}
	}
}
