package task

import (
	"context"
	"fmt"
	"math"

	"github.com/gomlx/compute"
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"

	"github.com/kafisto/kafisto"
	"github.com/kafisto/kafisto/internal/data"
	"github.com/kafisto/kafisto/internal/train"
	"github.com/kafisto/kafisto/models"
)

// Scopes of a GAN's networks in the store.
const (
	GeneratorScope = "generator"
	CriticScope    = "critic"
)

// generatorBatch is the number of images that a Generator makes at once.
const generatorBatch = 100

// Generator makes images with the generator of a GAN as its variables in a store
// are at the time, in the form of a data set's images. It is for one goroutine.
// Create it with NewGenerator.
type Generator struct {
	gan  models.GAN
	exec *model.Exec
	like *data.Images // without pixels
}

// NewGenerator prepares a generator, which is compiled with its first images. Close
// it when done.
func NewGenerator(backend compute.Backend, store *model.Store, gan models.GAN, dataset string) (*Generator, error) {
	info, err := data.Describe(dataset)
	if err != nil {
		return nil, err
	}
	fn := kafisto.Model(nil, func(scope *model.Scope, latents *graph.Node) *graph.Node {
		return gan.Generate(scope.In(GeneratorScope), latents)
	})
	exec, err := model.NewExec(backend, store, func(scope *model.Scope, latents *graph.Node) *graph.Node {
		scope.SetTraining(latents.Graph(), false)
		return fn(scope, nil, []*graph.Node{latents})[0]
	})
	if err != nil {
		return nil, fmt.Errorf("task: %w", err)
	}
	like := &data.Images{Name: info.Name, Height: info.Height, Width: info.Width, Channels: info.Channels, Classes: info.Classes, ClassNames: info.ClassNames}
	return &Generator{gan, exec.WithName("generator"), like}, nil
}

// Latents draws what n images are made of, standard normal numbers [n,
// models.GAN.Latent]: those of the first images do not depend on n.
func (g *Generator) Latents(seed uint64, n int) []float32 { return latentsOf(seed, n, g.gan.Latent) }

// Images makes an image of each vector of latents, [n, models.GAN.Latent]. An
// image depends on its vector alone. After each batch progress, unless it is nil, is
// told how many there are. Cancelling ctx is an error that wraps train.ErrStopped.
func (g *Generator) Images(ctx context.Context, latents []float32, progress func(done, total int)) (*data.Images, error) {
	canvases, err := g.Canvases(ctx, latents, progress)
	if err != nil {
		return nil, err
	}
	return g.like.OffCanvas(canvases)
}

// Canvases is Images in the network's form: squares in three channels.
func (g *Generator) Canvases(ctx context.Context, latents []float32, progress func(done, total int)) (*data.Images, error) {
	width, size := g.gan.Latent, g.gan.Size
	n := len(latents) / width
	canvases := &data.Images{Name: g.like.Name, Classes: g.like.Classes, Height: size, Width: size, Channels: 3, Pixels: make([]byte, 0, n*size*size*3), Labels: make([]int32, n)}
	batch := make([]float32, generatorBatch*width) // the last one is as large as all, so that nothing is compiled for it
	for done := 0; done < n; done += generatorBatch {
		if ctx.Err() != nil {
			return nil, fmt.Errorf("task: %w after %d of %d images", train.ErrStopped, done, n)
		}
		count := min(generatorBatch, n-done)
		copy(batch, latents[done*width:(done+count)*width])
		values, err := g.make(batch)
		if err != nil {
			return nil, err
		}
		for _, v := range values[:count*size*size*3] {
			canvases.Pixels = append(canvases.Pixels, pixel(v))
		}
		if progress != nil {
			progress(done+count, n)
		}
	}
	return canvases, nil
}

// make runs the generator for a batch.
func (g *Generator) make(latents []float32) ([]float32, error) {
	input := tensors.FromFlatDataAndDimensions(latents, generatorBatch, g.gan.Latent)
	defer input.FinalizeAll() //nolint:errcheck // it is not used again
	out, err := g.exec.Call1(input)
	if err != nil {
		return nil, fmt.Errorf("task: %w", err)
	}
	defer out.FinalizeAll() //nolint:errcheck // it was read
	return tensors.CopyFlatData[float32](out)
}

// pixel is a number from -1 to 1 as a byte, to the nearest; what is not a number is
// black.
func pixel(v float32) byte {
	x := math.Round((float64(v) + 1) * 127.5)
	if !(x > 0) {
		return 0
	}
	return byte(min(x, 255))
}

// Close frees the compiled generator.
func (g *Generator) Close() { g.exec.Finalize() }
