package cli

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/kafisto/kafisto/internal/imagegrid"
	"github.com/kafisto/kafisto/internal/job"
)

// The most images that a picture and a folder may have.
const (
	mostInPicture = 10_000
	mostInFolder  = 100_000
)

// sampleCommand makes images with a GAN.
type sampleCommand struct {
	Dir        string  `arg:"" type:"path" help:"Run folder."`
	Checkpoint string  `default:"best" placeholder:"NAME" help:"best (lowest Fréchet distance, or the newest where none was measured), newest, or the folder of a checkpoint."`
	Count      int     `default:"64" help:"Images to make."`
	Columns    int     `default:"8" help:"Images side by side in the picture."`
	Seed       *uint64 `help:"Seed of the vectors that images are made of. Default: the run's, which makes the images of the run's own samples."`
	Out        string  `type:"path" placeholder:"FILE" xor:"out" help:"PNG file for one picture of all images, which must not be there. Default: samples.png."`
	Folder     string  `type:"path" placeholder:"DIR" xor:"out" help:"Folder for a PNG file an image, 00000.png and so on, which must be empty or not there; in place of a picture."`
	Engine     string  `default:"" help:"Engine; empty takes the run's."`
}

// Help shows an example.
func (sampleCommand) Help() string {
	return `Example: kafisto sample runs/gan --checkpoint newest --count 100 --columns 10 --out faces.png`
}

// sampled are images that were written, as JSON.
type sampled struct {
	Type   string `json:"type"`
	Path   string `json:"path"` // of the picture or the folder
	Images int    `json:"images"`
	Step   int64  `json:"step"` // of the checkpoint
	Seed   uint64 `json:"seed"` // of the latent vectors
}

// Run makes the images and writes them, as a picture or a file each.
func (c *sampleCommand) Run(s *session) error {
	if c.Out == "" && c.Folder == "" {
		c.Out = "samples.png"
	}
	v := job.Samples{Saved: job.Saved{Dir: c.Dir, Checkpoint: c.Checkpoint, Engine: c.Engine}, Count: c.Count, Seed: c.Seed}
	if err := errors.Join(savedFlags{Checkpoint: c.Checkpoint, Engine: c.Engine}.check(), c.check()); err != nil {
		return usage(err)
	}
	show := s.stages(stageText, stageObject)
	made, err := job.Sample(s.ctx, v, s.options(quietConsole{s}), func(done, total int) { show("images", int64(done), int64(total)) })
	if err != nil {
		return err
	}
	path := c.Folder
	if path != "" {
		err = imagegrid.WriteFolder(path, made.Images)
	} else {
		path = c.Out
		err = imagegrid.Write(path, made.Images, c.Columns)
	}
	if err != nil {
		return err
	}
	if s.json {
		s.object(sampled{"sampled", path, c.Count, made.Step, made.Seed})
		return nil
	}
	s.line("%s of step %d, seed %d: %s", count(int64(c.Count), "image"), made.Step, made.Seed, short(path))
	return nil
}

// check returns an error that names the first flag that cannot be.
func (c *sampleCommand) check() error {
	most := mostInPicture
	if c.Folder != "" {
		most = mostInFolder
	}
	switch {
	case c.Count < 1 || c.Count > most:
		return fmt.Errorf("%d images: give 1 to %d", c.Count, most)
	case c.Columns < 1:
		return fmt.Errorf("%d columns: give at least 1", c.Columns)
	}
	above := filepath.Dir(c.Out + c.Folder) // one of them is empty
	switch info, err := os.Stat(above); {
	case err != nil || !info.IsDir():
		return fmt.Errorf("there is no folder %s to write into: make it, or name another one", short(above))
	case c.Folder != "":
		return unused(c.Folder)
	case !strings.EqualFold(filepath.Ext(c.Out), ".png"):
		return fmt.Errorf("%s does not end in .png: the picture is a PNG file", short(c.Out))
	}
	if _, err := os.Lstat(c.Out); !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%s is there already: name another file with --out", short(c.Out))
	}
	return nil
}

// unused refuses a folder with something in it, and what is no folder.
func unused(folder string) error {
	if info, err := os.Lstat(folder); errors.Is(err, fs.ErrNotExist) {
		return nil
	} else if err == nil && info.IsDir() { // not a link to one
		if entries, err := os.ReadDir(folder); err == nil && len(entries) == 0 {
			return nil
		}
	}
	return fmt.Errorf("%s is there already, and not an empty folder: name another one with --folder", short(folder))
}
