package cli

import (
	"errors"
	"fmt"
	"path/filepath"

	"github.com/kafisto/kafisto/internal/job"
	"github.com/kafisto/kafisto/internal/report"
	"github.com/kafisto/kafisto/internal/runlog"
	"github.com/kafisto/kafisto/internal/train"
)

// trainCommand trains once.
type trainCommand struct {
	Dir    string       `type:"path" placeholder:"DIR" help:"Run folder. Default: runs/DATASET-MODEL-OPTIMIZER-seedN."`
	File   settingsFlag `name:"settings" placeholder:"FILE" help:"Settings file: a JSON object with flags' names. Flags win."`
	Resume resumeFlag   `help:"Go on with the run in --dir, under its settings; --epochs or --steps may be longer, and --save-every, --loss-bound, --retries and --retry-factor others."`
	Quiet  bool         `help:"Show no progress."`

	Job job.Settings `embed:""`
}

// Help shows examples.
func (trainCommand) Help() string {
	return `Example: kafisto train --optimizer kafisto --epochs 5 --dir runs/first

Stopped by Ctrl-C it goes on with: kafisto train --dir runs/first --resume`
}

// result is how a training run ended, as JSON.
type result struct {
	Type   string       `json:"type"`
	Run    string       `json:"run"`
	Dir    string       `json:"dir"`
	Status string       `json:"status"`
	Steps  int64        `json:"steps"`
	Last   *runlog.Eval `json:"last,omitempty"`
	Best   *runlog.Eval `json:"best,omitempty"`
	Test   *runlog.Eval `json:"test,omitempty"` // at the best one
}

// Run trains, and writes the run's report unless the run was stopped.
func (c *trainCommand) Run(s *session) error {
	if err := c.Job.Check(); err != nil {
		return usage(err)
	}
	if c.Dir == "" {
		c.Dir = filepath.Join("runs", fmt.Sprintf("%s-%s-%s-seed%d", c.Job.Dataset, c.Job.Model, c.Job.Optimizer, c.Job.Seed))
	}
	label := fmt.Sprintf("%s seed %d", c.Job.Optimizer, c.Job.Seed)
	o := s.options(s.newConsole(label, c.Quiet))
	o.Dir, o.Resume = c.Dir, bool(c.Resume)
	o.About.Group = c.Job.Optimizer
	r, err := job.Run(s.ctx, c.Job, o)
	again := commandLine([]string{"train", "--dir", short(c.Dir), "--resume"})
	status := runlog.StatusFinished
	switch {
	case errors.Is(err, train.ErrStopped):
		return advised(err, again)
	case errors.Is(err, train.ErrDiverged):
		status = runlog.StatusDiverged
	case err != nil && isRun(c.Dir):
		return advised(err, again)
	case err != nil:
		return err
	}
	runs, unread := readRuns(s, []string{c.Dir})
	shown := result{"result", label, c.Dir, status, r.Steps, r.Last, r.Best, nil}
	if unread == nil && r.Best != nil {
		if test, ok := runs[0].Log.EvalAt(runlog.Test, r.Best.Step); ok {
			shown.Test = &test
		}
	}
	s.showResult(shown)
	if unread == nil {
		unread = s.writeReport(c.Dir, newReport(runs))
	}
	return errors.Join(err, unread)
}

// showResult prints how a training run ended.
func (s *session) showResult(r result) {
	if s.json {
		s.object(r)
		return
	}
	s.line("%s: %s after %s", r.Run, r.Status, count(r.Steps, "step"))
	switch {
	case r.Last == nil:
	case r.Last.IsLanguage():
		s.line("%s perplexity %s, loss %.4g; best perplexity %s at step %d (guessing by frequency: %.1f)",
			r.Last.Split, report.FormatNumber(r.Last.Perplexity, 2), r.Last.Loss, report.FormatNumber(r.Best.Perplexity, 2), r.Best.Step, r.Last.UnigramPerplexity)
		if r.Test != nil {
			s.line("%s perplexity %s at that step (guessing by frequency: %.1f)", r.Test.Split, report.FormatNumber(r.Test.Perplexity, 2), r.Test.UnigramPerplexity)
		}
	case r.Last.GAN != nil:
		s.line("%s", ganResult(r.Last, r.Best))
	default:
		s.line("%s top-1 error %.2f %%, loss %.4g; best top-1 error %.2f %% at step %d",
			r.Last.Split, r.Last.Top1Error, r.Last.Loss, r.Best.Top1Error, r.Best.Step)
	}
}
