package cli

import (
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/kafisto/kafisto/internal/job"
)

// exportCommand writes a checkpoint's variables for other programs.
type exportCommand struct {
	Dir        string `arg:"" type:"path" help:"Run folder."`
	Out        string `arg:"" type:"path" help:"safetensors file to write, which must not be there."`
	Checkpoint string `default:"best" placeholder:"NAME" help:"best, newest, or the folder of a checkpoint."`
	Everything bool   `help:"Write the state of optimizer and run too."`
}

// Help shows an example.
func (exportCommand) Help() string {
	return `Example: kafisto export runs/first model.safetensors

Python reads it: safetensors.numpy.load_file("model.safetensors")`
}

// exported is what was written, as JSON.
type exported struct {
	Type       string `json:"type"`
	File       string `json:"file"`
	Checkpoint string `json:"checkpoint"`
	Step       int64  `json:"step"`
}

// Run writes the file.
func (c *exportCommand) Run(s *session) error {
	if _, err := os.Lstat(c.Out); !errors.Is(err, fs.ErrNotExist) {
		return usage(fmt.Errorf("%s is there already: name another file", short(c.Out)))
	}
	e, err := job.Export(job.Saved{Dir: c.Dir, Checkpoint: c.Checkpoint}, c.Out, c.Everything)
	if err != nil {
		return err
	}
	if s.json {
		s.object(exported{"exported", c.Out, e.Checkpoint, e.Step})
		return nil
	}
	s.line("%s: step %d, from %s", short(c.Out), e.Step, short(e.Checkpoint))
	return nil
}
