package task

import (
	"context"
	"fmt"
	"time"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"

	"github.com/kafisto/kafisto"
	"github.com/kafisto/kafisto/internal/data"
	"github.com/kafisto/kafisto/internal/fid"
	"github.com/kafisto/kafisto/internal/runlog"
	"github.com/kafisto/kafisto/internal/train"
	"github.com/kafisto/kafisto/models"
)

// Features computes features of images, by which Fréchet distances are measured.
type Features interface {
	// Name names what computes them, for people.
	Name() string
	// Statistics are the features' mean and covariance over images of the data set's
	// form. After each batch progress, unless it is nil, is told how many are done.
	Statistics(ctx context.Context, images *data.Images, batch int, progress func(done, total int)) (*fid.Statistics, error)
	// Training are the statistics of the data set's training images.
	Training(ctx context.Context, images *data.Images) (*fid.Statistics, error)
	// Close frees what they hold.
	Close()
}

// assessment evaluates a GAN: the critic's scores of held-out and of generated
// images, and where there are features their Fréchet distance.
type assessment struct {
	task      GAN
	backend   compute.Backend
	generator *Generator
	judge     *model.Exec
	held      *data.Images // canvases
	training  *data.Images
	latents   []float32
	features  Features
	real      *fid.Statistics
}

func (t GAN) assess(backend compute.Backend, store *model.Store, gan models.GAN, training, held *data.Images) (train.Assessment, error) {
	a := &assessment{task: t, backend: backend, training: training, latents: latentsOf(t.Seed, t.Samples, gan.Latent)}
	var err error
	if a.held, err = held.Canvas(gan.Size); err != nil {
		return nil, err
	}
	if a.generator, err = NewGenerator(backend, store, gan, t.Dataset); err != nil {
		return nil, err
	}
	fn := kafisto.Model(nil, func(scope *model.Scope, images *graph.Node) *graph.Node {
		return gan.Judge(scope.In(CriticScope), images)
	})
	if a.judge, err = model.NewExec(backend, store, func(scope *model.Scope, images *graph.Node) *graph.Node {
		scope.SetTraining(images.Graph(), false)
		return graph.ReduceAllSum(graph.ConvertDType(fn(scope, nil, []*graph.Node{images})[0], dtypes.Float64))
	}); err != nil {
		return nil, fmt.Errorf("task: %w", err)
	}
	a.judge.WithName("critic")
	return a, nil
}

// Evaluate implements train.Assessment.
func (a *assessment) Evaluate(ctx context.Context, step int64) (runlog.Eval, error) {
	began := time.Now()
	e := runlog.Eval{Type: runlog.TypeEval, Split: runlog.Validation, Examples: a.held.Len()}
	generated, err := a.generator.Canvases(ctx, a.latents, nil)
	if err != nil {
		return e, err
	}
	result := runlog.GAN{Generated: generated.Len()}
	real, err := a.meanScore(ctx, a.held)
	if err != nil {
		return e, err
	}
	fake, err := a.meanScore(ctx, generated)
	if err != nil {
		return e, err
	}
	result.Wasserstein = real - fake
	images, err := a.training.OffCanvas(generated)
	if err != nil {
		return e, err
	}
	if err := a.distance(ctx, images, &result); err != nil {
		return e, err
	}
	if a.task.Show != nil {
		grid, err := images.Subset(min(gridImages, images.Len()))
		if err == nil {
			err = a.task.Show(step, grid)
		}
		if err != nil {
			return e, err
		}
	}
	e.Loss, e.GAN, e.Seconds = -result.Wasserstein, &result, time.Since(began).Seconds()
	return e, nil
}

// distance sets the Fréchet distance, where there are features.
func (a *assessment) distance(ctx context.Context, images *data.Images, result *runlog.GAN) (err error) {
	if a.task.Features == nil {
		return nil
	}
	if a.features == nil {
		if a.features, err = a.task.Features(ctx, a.backend); err != nil {
			return err
		}
	}
	if a.real == nil {
		if a.real, err = a.features.Training(ctx, a.training); err != nil {
			return err
		}
	}
	made, err := a.features.Statistics(ctx, images, evalBatch, nil)
	if err != nil {
		return err
	}
	distance, err := fid.Distance(ctx, a.real, made)
	if err != nil {
		return err
	}
	result.Frechet, result.Features = &distance, a.features.Name()
	return nil
}

// meanScore is the critic's mean score of canvases.
func (a *assessment) meanScore(ctx context.Context, canvases *data.Images) (float64, error) {
	loader, err := data.NewLoader(canvases, data.LoaderConfig{BatchSize: min(evalBatch, canvases.Len()), Mean: greyMean, Std: greyMean})
	if err != nil {
		return 0, err
	}
	stream, err := open(ctx, loader, 0, loader.Steps())
	if err != nil {
		return 0, err
	}
	defer stream.Close()
	sum := 0.0
	for range loader.Steps() {
		batch, err := stream.Next()
		if err != nil {
			return 0, err
		}
		scores, err := a.judge.Call1(batch.Inputs[0])
		batch.Finalize()
		if err != nil {
			return 0, fmt.Errorf("task: %w", err)
		}
		sum += tensors.ToScalar[float64](scores)
		_ = scores.FinalizeAll() // it was read
	}
	return sum / float64(canvases.Len()), nil
}

// Close implements train.Assessment.
func (a *assessment) Close() {
	a.generator.Close()
	a.judge.Finalize()
	if a.features != nil {
		a.features.Close()
	}
}
