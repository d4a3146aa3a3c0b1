package cli

import (
	"errors"
	"fmt"
	"math"

	"github.com/kafisto/kafisto/internal/engine"
	"github.com/kafisto/kafisto/internal/job"
	"github.com/kafisto/kafisto/internal/report"
	"github.com/kafisto/kafisto/internal/runlog"
)

// savedFlags name what a run has saved, for commands that use it.
type savedFlags struct {
	Dir        string `arg:"" type:"path" help:"Run folder."`
	Checkpoint string `default:"best" placeholder:"NAME" help:"best (lowest top-1 error of the validation split, lowest loss for texts, lowest Fréchet distance for GANs or the newest where none was measured), newest, or the folder of a checkpoint."`
	Engine     string `default:"" help:"Engine; empty takes the run's."`
	DataDir    string `default:"" type:"path" placeholder:"DIR" help:"Folder with the data set's files; empty takes the run's."`
}

// check returns an error that names the first flag that cannot be.
func (f savedFlags) check() error {
	if _, err := engine.Parse(f.Engine); f.Engine != "" && err != nil {
		return err
	}
	if f.Checkpoint == "" {
		return errors.New("checkpoint is empty: use best, newest, or the folder of one")
	}
	return nil
}

func (f savedFlags) saved() job.Saved {
	return job.Saved{Dir: f.Dir, Checkpoint: f.Checkpoint, Engine: f.Engine, DataDir: f.DataDir}
}

// evalCommand evaluates a checkpoint.
type evalCommand struct {
	savedFlags `embed:""`
	BatchSize  int `default:"0" help:"Language models: parts of a text that are read side by side; 0 takes 20. It changes no result, but a Transformer's, whose windows begin elsewhere."`
	Window     int `default:"0" help:"Language models: words that are read at once; 0 takes the run's. It changes no result, but a Transformer's, which sees no further back."`
}

// Help shows an example.
func (evalCommand) Help() string {
	return `Example: kafisto eval runs/first --checkpoint newest`
}

// Run evaluates, and prints a line a split.
func (c *evalCommand) Run(s *session) error {
	if c.BatchSize < 0 || c.Window < 0 || c.BatchSize > math.MaxInt32 || c.Window > math.MaxInt32 {
		return usage(fmt.Errorf("batch size %d and window %d: give 0 or more of both", c.BatchSize, c.Window))
	}
	if err := c.check(); err != nil {
		return usage(err)
	}
	e := job.Evaluation{Saved: c.saved(), Streams: c.BatchSize, Window: c.Window}
	evals, err := job.Evaluate(s.ctx, e, s.options(quietConsole{s}))
	if err != nil {
		return err
	}
	for _, e := range evals {
		s.showEval(e)
	}
	return nil
}

// showEval prints an evaluation of a checkpoint.
func (s *session) showEval(e runlog.Eval) {
	switch {
	case s.json:
		s.object(e)
	case e.IsLanguage():
		s.line("%s perplexity %s, loss %.6f, %d words, step %d (guessing by frequency: %.1f)", e.Split, report.FormatNumber(e.Perplexity, 4), e.Loss, e.Examples, e.Step, e.UnigramPerplexity)
	case e.GAN != nil:
		s.line("%s %s, %d images against %d generated, step %d", e.Split, ganText(e.GAN), e.Examples, e.GAN.Generated, e.Step)
	default:
		s.line("%s top-1 error %.2f %%, top-5 error %.2f %%, loss %.6f, %d images, step %d", e.Split, e.Top1Error, e.Top5Error, e.Loss, e.Examples, e.Step)
	}
}
