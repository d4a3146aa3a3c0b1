package task

import (
	"context"
	"fmt"

	"github.com/gomlx/compute"
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"

	"github.com/kafisto/kafisto/internal/data"
	"github.com/kafisto/kafisto/internal/train"
	"github.com/kafisto/kafisto/models"
)

// GAN describes the training of a generative adversarial network on images, by the
// Wasserstein losses with gradient penalty (WGAN-GP). Smaller images and grey ones
// are put on black squares of the network's size, see data.Images.Canvas.
type GAN struct {
	Dataset       string // as data.Names lists them, of images
	Folder        string // where the data set's files are; unused for embedded ones
	Model         string // as models.GANNames lists them
	Width         int    // channels next to the images; 0 is the network's own
	BatchSize     int    // images of a minibatch, at least 1
	CriticSteps   int    // of the critic for one of the generator, at least 1
	Seed          uint64 // of order, latents and shares
	TrainExamples int    // the first so many training images; 0 means all
	EvalExamples  int    // the first so many held-out images; 0 means all
	// Samples is the number of images that an evaluation generates, at least 2.
	Samples int
	// Show is given the first images of every evaluation, a grid's worth, made of the
	// same latents each time; nil shows none.
	Show func(step int64, images *data.Images) error
	// Features opens what Fréchet distances are computed by; nil for none.
	Features func(ctx context.Context, backend compute.Backend) (Features, error)
}

// gridImages is the number of images that GAN.Show is given at most.
const gridImages = 64

// Problem loads the data and returns the task. An epoch is as many steps as the
// training images have full sets of minibatches for the critic's steps.
func (t GAN) Problem() (train.Problem, error) {
	fail := func(err error) (train.Problem, error) { return train.Problem{}, err }
	info, err := data.Describe(t.Dataset)
	if err != nil {
		return fail(err)
	}
	gan, err := models.GANByName(t.Model, models.GANConfig{Width: t.Width})
	if err != nil {
		return fail(err)
	}
	training, held, err := t.load()
	if err != nil {
		return fail(err)
	}
	canvases, err := training.Canvas(gan.Size)
	if err != nil {
		return fail(err)
	}
	if images := t.BatchSize * t.CriticSteps; images > canvases.Len() {
		return fail(fmt.Errorf("task: a step takes %d minibatches of %d images, more than the %d training images: give a smaller batch size, or fewer critic steps", t.CriticSteps, t.BatchSize, canvases.Len()))
	}
	config := data.LoaderConfig{BatchSize: t.BatchSize * t.CriticSteps, Seed: t.Seed, Shuffle: true, DropLast: true, Mean: greyMean, Std: greyMean}
	loader, err := data.NewLoader(canvases, config)
	if err != nil {
		return fail(err)
	}
	rivals := Rivals(gan, t.CriticSteps)
	rivals.Assess = func(backend compute.Backend, store *model.Store) (train.Assessment, error) {
		return t.assess(backend, store, gan, training, held)
	}
	return train.Problem{
		Name:          fmt.Sprintf("%s with %s", info.Title, t.Model),
		StepsPerEpoch: int64(loader.Steps()),
		Train: func(ctx context.Context, fromStep int64) (train.Stream, error) {
			return t.stream(ctx, loader, gan, fromStep)
		},
		Rivals: rivals,
	}, nil
}

// Rivals are a GAN's networks with their losses, not yet evaluated. A step of the
// critic takes real images, latents and shares, one of the generator latents: see
// models.GAN.
func Rivals(gan models.GAN, criticSteps int) *train.Rivals {
	return &train.Rivals{CriticSteps: criticSteps, Critic: criticSide(gan), Generator: generatorSide(gan)}
}

// greyMean takes pixels from 0 to 255 to numbers from -1 to 1, as mean and as
// deviation.
var greyMean = []float32{127.5, 127.5, 127.5}

// load loads the images that count, as they are.
func (t GAN) load() (training, held *data.Images, err error) {
	if training, held, err = data.Load(t.Dataset, t.Folder); err != nil {
		return nil, nil, err
	}
	if training, err = first(training, t.TrainExamples, "training"); err != nil {
		return nil, nil, err
	}
	held, err = first(held, t.EvalExamples, "held-out")
	return training, held, err
}

// criticSide is the critic's step: of real images, latents and shares.
func criticSide(gan models.GAN) train.Side {
	return train.Side{
		Model: func(scope *model.Scope, _ any, in []*graph.Node) []*graph.Node {
			generated := gan.Generate(scope.In(GeneratorScope), in[1])
			return gan.Critique(scope.In(CriticScope), in[0], generated, in[2])
		},
		Losses: models.CriticLosses,
		Tell: func(p []*graph.Node) []*graph.Node {
			return []*graph.Node{graph.ReduceAllMean(graph.Sub(p[0], p[1])), graph.ReduceAllMean(p[2])}
		},
	}
}

// generatorSide is the generator's step: of latents.
func generatorSide(gan models.GAN) train.Side {
	return train.Side{
		Model: func(scope *model.Scope, _ any, in []*graph.Node) []*graph.Node {
			return []*graph.Node{gan.Judge(scope.In(CriticScope), gan.Generate(scope.In(GeneratorScope), in[0]))}
		},
		Losses: models.GeneratorLosses,
	}
}

// ganStream adds the random numbers of a step to its real images. They depend on
// the seed and the step alone.
type ganStream struct {
	images train.Stream
	task   GAN
	latent int
	step   int64
}

func (t GAN) stream(ctx context.Context, loader *data.Loader, gan models.GAN, fromStep int64) (train.Stream, error) {
	images, err := open(ctx, loader, fromStep, -1)
	if err != nil {
		return nil, err
	}
	return &ganStream{images, t, gan.Latent, fromStep}, nil
}

// Next implements train.Stream: real images, latents and shares for each step of
// the critic, and latents for the generator.
func (s *ganStream) Next() (train.Batch, error) {
	b, err := s.images.Next()
	if err != nil {
		return b, err
	}
	defer b.Finalize()
	random := s.task.random(stepNumbers, s.step)
	s.step++
	n, dims := s.task.BatchSize, b.Inputs[0].Shape().Dimensions
	pixels, err := tensors.CopyFlatData[float32](b.Inputs[0])
	if err != nil {
		return train.Batch{}, fmt.Errorf("task: %w", err)
	}
	latents := func() *tensors.Tensor {
		return tensors.FromFlatDataAndDimensions(normals(random, n*s.latent), n, s.latent)
	}
	out := train.Batch{Size: b.Size}
	for size := len(pixels) / s.task.CriticSteps; len(pixels) > 0; pixels = pixels[size:] {
		shares := make([]float32, n)
		for i := range shares {
			shares[i] = random.Float32()
		}
		out.Inputs = append(out.Inputs, tensors.FromFlatDataAndDimensions(pixels[:size], n, dims[1], dims[2], dims[3]),
			latents(), tensors.FromFlatDataAndDimensions(shares, n))
	}
	out.Inputs = append(out.Inputs, latents())
	return out, nil
}

// Close implements train.Stream.
func (s *ganStream) Close() { s.images.Close() }
