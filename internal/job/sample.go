package job

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/kafisto/kafisto/internal/data"
	"github.com/kafisto/kafisto/internal/imagegrid"
	"github.com/kafisto/kafisto/internal/task"
	"github.com/kafisto/kafisto/internal/train"
	"github.com/kafisto/kafisto/models"
)

// GridColumns is the number of images side by side in the pictures that a run leaves.
const GridColumns = 8

// MostGenerated bounds the images that are generated at once, which are in memory.
const MostGenerated = 1_000_000

// Samples says what a run's generator is to make images of.
type Samples struct {
	Saved
	Count int     // of images, at least 1
	Seed  *uint64 // of the latent vectors; nil is the run's, whose own grids have the first of these
}

// Sampled are images that a generator has made.
type Sampled struct {
	Images *data.Images
	Step   int64 // of the checkpoint
	Seed   uint64
}

// Sample makes images with the generator that a GAN's run has saved. It needs no data
// and changes nothing. After each batch progress, unless it is nil, is told how many
// images there are. When ctx is cancelled the error is train.ErrStopped.
func Sample(ctx context.Context, v Samples, o Options, progress func(done, total int)) (Sampled, error) {
	w, err := v.open(ctx, o)
	if err != nil {
		return Sampled{}, err
	}
	defer w.close()
	generator, err := w.generator(v.Dir)
	if err != nil {
		return Sampled{}, err
	}
	defer generator.Close()
	out := Sampled{Step: w.saved.Manifest.Step, Seed: uint64(w.settings.Seed)}
	if v.Seed != nil {
		out.Seed = *v.Seed
	}
	out.Images, err = w.generate(ctx, generator, out.Seed, v.Count, progress)
	return out, err
}

// generator prepares the run's generator.
func (w *opened) generator(dir string) (*task.Generator, error) {
	s := w.settings
	if !s.IsGAN() {
		return nil, fmt.Errorf("job: the run in %s trains %s, which generates no images: name a run of a generative adversarial network", dir, s.Model)
	}
	gan, err := models.GANByName(s.Model, models.GANConfig{Width: s.Width})
	if err != nil {
		return nil, err
	}
	return task.NewGenerator(w.engine.Backend, w.store, gan, s.Dataset)
}

// generate makes so many images. A generator that the checkpoint does not hold is an
// error.
func (w *opened) generate(ctx context.Context, generator *task.Generator, seed uint64, n int, progress func(done, total int)) (*data.Images, error) {
	known := w.store.NumVariables()
	images, err := generator.Images(ctx, generator.Latents(seed, n), progress)
	if err != nil {
		return nil, err
	}
	return images, train.SameModel(w.store, known)
}

// gridsInto returns what writes the pictures of a run's progress into its folder; nil
// where there is none.
func gridsInto(dir string) func(step int64, images *data.Images) error {
	if dir == "" {
		return nil
	}
	folder := filepath.Join(dir, train.SamplesFolder)
	return func(step int64, images *data.Images) error {
		if err := os.MkdirAll(folder, 0o755); err != nil {
			return fmt.Errorf("job: cannot make the folder of samples: %w", err)
		}
		return imagegrid.Write(filepath.Join(folder, imagegrid.Name(step)), images, GridColumns)
	}
}
