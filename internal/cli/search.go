package cli

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"

	"github.com/alecthomas/kong"

	"github.com/kafisto/kafisto/internal/grid"
	"github.com/kafisto/kafisto/internal/job"
	"github.com/kafisto/kafisto/internal/report"
	"github.com/kafisto/kafisto/internal/search"
)

// reportedTrials is the most trials that a report shows: its figures can tell as many curves
// apart.
const reportedTrials = 24

// searchCommand tries settings and ranks them. The same command goes on with what
// it left, and may be given several times at once.
type searchCommand struct {
	Over       []string     `sep:"none" placeholder:"SETTING=VALUES" help:"What to search over, once a setting: a list, as momentum=0,0.9; or a range, as momentum=0..0.99, or with its logarithm drawn uniformly, learning-rate=log:0.001..10."`
	Trials     int          `default:"0" help:"Random search: how many settings to draw; may be raised later. 0 tries every combination of lists."`
	SearchSeed int64        `default:"1" help:"Seed of the draws."`
	RankBy     string       `default:"best" placeholder:"WHICH" help:"Rank by the best or the final evaluation of a run. Default: best."`
	Seeds      []int64      `default:"1" help:"Seeds, as 1,2,3: each setting is tried with each, and ranked by the mean."`
	Dir        string       `type:"path" placeholder:"DIR" help:"Results folder, which several processes may share. Default: runs/search-DATASET-MODEL-OPTIMIZER."`
	File       settingsFlag `name:"settings" placeholder:"FILE" help:"Settings file: a JSON object with flags' names. Flags win; seed in it is passed over."`
	ReportOnly bool         `help:"Run nothing: rank what is there."`
	Quiet      bool         `help:"Show no progress."`

	Job job.Settings `embed:""`
}

// Help shows examples.
func (searchCommand) Help() string {
	return `Example, every combination: kafisto search --optimizer sgd --over learning-rate=0.01,0.1,1 --over momentum=0,0.9

Example, drawn at random: kafisto search --optimizer sgd --trials 20 --over learning-rate=log:0.001..10 --over augment=true,false

The same command goes on with a search that was stopped; with more --trials, values, --seeds or --epochs it grows. Given several times at once on one folder, each run is done by one of them. The best settings are left in DIR/best.json, for kafisto train --settings.`
}

// BeforeResolve is called by kong once the command line is read.
func (c *searchCommand) BeforeResolve(context *kong.Context) error {
	if given(context, "seed") != nil {
		return errors.New("--seed is not for search: use --seeds")
	}
	return nil
}

// Run does what is left of the search, and ranks all of it.
func (c *searchCommand) Run(s *session) error {
	by, err := search.ParseRankBy(c.RankBy)
	if err != nil {
		return usage(err)
	}
	found, err := search.New(search.Plan{Base: c.Job, Over: c.Over, Seeds: c.Seeds, Trials: c.Trials, Seed: c.SearchSeed})
	if err != nil {
		return usage(err)
	}
	if c.Dir == "" {
		c.Dir = filepath.Join("runs", fmt.Sprintf("search-%s-%s-%s", c.Job.Dataset, c.Job.Model, c.Job.Optimizer))
	}
	if err := found.CheckFolder(c.Dir); err != nil && (c.ReportOnly || !errors.Is(err, fs.ErrNotExist)) {
		if errors.Is(err, fs.ErrNotExist) {
			err = fmt.Errorf("there are no results in %s: run the same command without --report-only", c.Dir)
		}
		return err
	}
	if err := checkReportFolder(c.Dir); err != nil {
		return err
	}
	if !c.ReportOnly {
		if err := c.train(s, found); err != nil {
			return advised(err, "give the same command again")
		}
	}
	results, err := found.Results(c.Dir, by)
	if err != nil {
		return err
	}
	if err := found.CheckFolder(c.Dir); errors.Is(err, search.ErrGrown) { // another process did that
		s.message(fmt.Sprintf("the search in %s has grown meanwhile: the trials that were asked for here are ranked, but the ranking is not saved", short(c.Dir)))
		return s.showSearch(results)
	} else if err != nil {
		return err
	}
	return s.reportSearch(results, c.Dir)
}

// train does what is left of the search.
func (c *searchCommand) train(s *session, found *search.Search) error {
	o := grid.Options{
		Dir: c.Dir, DataDir: c.Job.DataDir, Engine: c.Job.Engine, Message: s.message,
		Job: func(label string) job.Options { return s.options(s.newConsole(label, c.Quiet)) },
	}
	if err := found.FindData(s.ctx, o); err != nil {
		return err
	}
	if err := found.Open(c.Dir); err != nil {
		return err
	}
	if drawn := c.Trials - len(found.Tried); c.Trials > 0 && drawn > 0 {
		s.message(fmt.Sprintf("%s of %d drew what another one had drawn before: they are not tried again", count(int64(drawn), "trial"), c.Trials))
	}
	return found.Run(s.ctx, o)
}

// showSearch prints the ranked trials.
func (s *session) showSearch(results search.Results) error {
	if s.json {
		return s.compact(results.WriteJSON)
	}
	return results.WriteText(s.stdout)
}

// reportSearch prints the ranked trials and the best one as a command, and writes
// both and a report of the runs into the results folder.
func (s *session) reportSearch(results search.Results, dir string) error {
	if err := s.showSearch(results); err != nil {
		return err
	}
	if err := results.Save(dir); err != nil {
		return err
	}
	if records := results.Records(reportedTrials); len(records) > 0 {
		if err := s.writeReport(dir, searchReport(results, records)); err != nil {
			return err
		}
	}
	s.showBest(results, dir)
	return nil
}

// searchReport is the report of a search's runs.
func searchReport(results search.Results, records []job.Record) report.Report {
	r := newReport(records)
	dataset := datasetTitle(records[0])
	r.Title = fmt.Sprintf("Search over %s on %s", strings.Join(results.Names(), ", "), dataset)
	if n := len(results.Ranked); n > reportedTrials {
		r.Title += fmt.Sprintf(": the first %d of %d trials", reportedTrials, n)
	}
	if len(distinct(records, taskText)) > 1 { // what differs is searched over
		r.Task = dataset
	}
	return r
}

// best is the best trial as JSON.
type best struct {
	Type     string `json:"type"`
	Trial    int    `json:"trial"`
	Settings string `json:"settings"` // path of the settings file
	Command  string `json:"command"`
}

// showBest tells the settings that are best.
func (s *session) showBest(results search.Results, dir string) {
	winner, err := results.Winner()
	if err != nil {
		s.message(sentence(err))
		return
	}
	b := best{"best", winner.Number, filepath.Join(dir, search.BestFile), commandLine(search.TrainArguments(winner))}
	if s.json {
		s.object(b)
		return
	}
	s.line("best: %s, in %s\n%s", results.Text(winner), short(b.Settings), b.Command)
}
