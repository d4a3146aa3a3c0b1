package cli

import (
	"errors"
	"fmt"

	"github.com/kafisto/kafisto/internal/job"
)

// fidCommand measures generated images.
type fidCommand struct {
	savedFlags `embed:""`
	Samples    int    `default:"50000" help:"Images to generate; the reference protocol of FID has 50,000."`
	Against    int    `default:"0" help:"Compare with only the first so many training images; 0 means all, as in the reference protocol."`
	Weights    string `default:"" type:"path" placeholder:"FILE" help:"Weights of Inception-v3, as PyTorch or safetensors has them; empty takes the published ones, and downloads them to the cache folder if need be. Only with these is the figure FID."`
	Classifier string `default:"" type:"path" placeholder:"DIR" help:"Run folder of a classifier of the same data set, whose features take the place of Inception-v3's: the figure is another one and not FID."`
	Seed       uint64 `default:"1" help:"Seed of the generated images: the same makes the same."`
}

// Help shows an example.
func (fidCommand) Help() string {
	return `Prints the Fréchet distance between generated images and training images, and adds it to ` + job.FrechetFile + ` in the run folder.

Example: kafisto fid runs/gan --classifier runs/first --samples 10000`
}

// check returns an error that names the first flag that cannot be.
func (c *fidCommand) check() error {
	switch {
	case c.Samples < 2 || c.Samples > job.MostGenerated:
		return fmt.Errorf("%d samples: give 2 to 1,000,000", c.Samples)
	case c.Against < 0 || c.Against == 1:
		return fmt.Errorf("against %d training images: give 2 or more, or 0 for all", c.Against)
	case c.Weights != "" && c.Classifier != "":
		return errors.New("both --weights and --classifier are given: give one of them")
	}
	return c.savedFlags.check()
}

// stage is how far a part of the work is.
type stage struct {
	Type  string `json:"type"`
	Stage string `json:"stage"`
	Done  int64  `json:"done"`
	Total int64  `json:"total"` // images
}

func stageText(name string, done, total int64) string {
	return fmt.Sprintf("%s: %d of %d", name, done, total)
}

func stageObject(name string, done, total int64) any { return stage{"stage", name, done, total} }

// frechet is the result as JSON.
type frechet struct {
	Type string `json:"type"`
	job.Frechet
}

// Run generates, compares and prints the figure under its exact name.
func (c *fidCommand) Run(s *session) error {
	if err := c.check(); err != nil {
		return usage(err)
	}
	show := s.stages(stageText, stageObject)
	f, err := job.Compare(s.ctx, job.Comparison{
		Saved: c.saved(), Samples: c.Samples, Against: c.Against, Seed: c.Seed, Weights: c.Weights, Classifier: c.Classifier,
		Progress: func(what string, done, total int) { show(what, int64(done), int64(total)) },
	}, s.options(quietConsole{s}))
	if err != nil {
		return err
	}
	if s.json {
		s.object(frechet{"frechet", f})
		return nil
	}
	s.line("%s: %.6g (%d generated images, %d training images of %s, step %d)", f.Name, f.Distance, f.Samples, f.Against, f.Dataset, f.Step)
	return nil
}
