package job

import (
	"context"
	"errors"
	"fmt"
	"math"

	"github.com/kafisto/kafisto/internal/data"
	"github.com/kafisto/kafisto/internal/fid"
	"github.com/kafisto/kafisto/internal/fid/inception"
	"github.com/kafisto/kafisto/internal/task"
	"github.com/kafisto/kafisto/internal/train"
	"github.com/kafisto/kafisto/internal/weights"
)

// ReferenceSamples is how many images the reference protocol of FID generates.
const ReferenceSamples = 50_000

// inceptionBatch is the number of images whose features Inception-v3 makes at once.
const inceptionBatch = 50

// Comparison says how images that a run's generator makes are compared with the
// training images of its data set.
type Comparison struct {
	Saved
	Samples int    // images to generate, at least 2
	Against int    // the first so many training images, at least 2; 0 means all
	Seed    uint64 // of the generator's latents
	// Weights is a file of Inception-v3's weights; "" takes the published ones from
	// the cache folder, to which they are downloaded if need be.
	Weights string
	// Classifier is the run folder of a classifier of the same data set, whose
	// features, of its best checkpoint, are used in place of Inception-v3's; "" for none.
	Classifier string
	// Progress is told what is done, and how much of it; nil for nobody.
	Progress func(what string, done, total int)
}

// Compare generates images and computes their Fréchet distance from the training
// images, which it returns and writes into the run folder, see LoadFrechet. The
// statistics of the training images are kept in the cache folder. When ctx is
// cancelled the error wraps train.ErrStopped, or the context's during a download.
func Compare(ctx context.Context, c Comparison, o Options) (Frechet, error) {
	fail := func(err error) (Frechet, error) { return Frechet{}, err }
	if c.Samples < 2 || c.Against < 0 || c.Against == 1 {
		return fail(fmt.Errorf("job: %d samples against %d training images: take at least 2 of both", c.Samples, c.Against))
	}
	if _, err := LoadFrechet(c.Dir); err != nil { // before the work, not after it
		return fail(err)
	}
	w, err := c.open(ctx, o)
	if err != nil {
		return fail(err)
	}
	defer w.close()
	generator, err := w.generator(c.Dir)
	if err != nil {
		return fail(err)
	}
	defer generator.Close()
	features, batch, err := c.features(ctx, w, o)
	if err != nil {
		return fail(err)
	}
	defer features.Close()
	f, err := c.figure(ctx, w, generator, features, batch, o)
	if err != nil {
		return fail(err)
	}
	return f, f.save(c.Dir)
}

// figure computes the distance by features, in batches of so many images.
func (c Comparison) figure(ctx context.Context, w *opened, generator *task.Generator, features *fid.Network, batch int, o Options) (Frechet, error) {
	training, all, err := c.training(ctx, w, o)
	if err != nil {
		return Frechet{}, err
	}
	folder, err := StatisticsFolder()
	if err != nil {
		return Frechet{}, err
	}
	known, err := features.Cached(ctx, folder, training, batch, c.progress("features of training images"))
	if err != nil {
		return Frechet{}, stopped(ctx, err)
	}
	images, err := w.generate(ctx, generator, c.Seed, c.Samples, c.progress("generated images"))
	if err != nil {
		return Frechet{}, err
	}
	generated, err := features.Statistics(ctx, images, batch, c.progress("features of generated images"))
	if err != nil {
		return Frechet{}, stopped(ctx, err)
	}
	distance, err := fid.Distance(ctx, known, generated)
	if err != nil {
		return Frechet{}, stopped(ctx, err)
	}
	return Frechet{
		Name: exactName(features.Figure(), c.Samples, training.Len(), all), Distance: distance, Features: features.Source(),
		Samples: c.Samples, Against: training.Len(), Step: w.saved.Manifest.Step, Dataset: w.settings.Dataset, Seed: c.Seed,
		Engine: w.engine.Name, Version: o.About.Version, Commit: o.About.Commit,
	}, nil
}

// stopped says so of an error that comes of cancelling.
func stopped(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return fmt.Errorf("job: %w while features were computed: nothing was changed", train.ErrStopped)
	}
	return err
}

// exactName is the name of a figure that says where it is not what others print.
func exactName(figure string, samples, against, all int) string {
	if figure == inception.FID && (samples < ReferenceSamples || against < all) {
		return fmt.Sprintf("%s with %d samples against %d training images, not comparable with FID of 50,000 samples", figure, samples, against)
	}
	return figure
}

// training are the images to compare with, and how many there are in all. A sample
// that is part of the program is never all of a data set.
func (c Comparison) training(ctx context.Context, w *opened, o Options) (images *data.Images, all int, err error) {
	folder, err := FindData(ctx, w.settings, o)
	if err != nil {
		return nil, 0, err
	}
	images, _, err = data.Load(w.settings.Dataset, folder)
	if err != nil {
		return nil, 0, err
	}
	all = images.Len()
	if info, err := data.Describe(w.settings.Dataset); err != nil || info.Embedded {
		all = math.MaxInt
	}
	if c.Against > 0 {
		images, err = images.Subset(c.Against)
	}
	return images, all, err
}

// features prepares the network whose features are compared, and says how many
// images it takes at once.
func (c Comparison) features(ctx context.Context, w *opened, o Options) (*fid.Network, int, error) {
	if c.Classifier != "" {
		if c.Weights != "" {
			return nil, 0, errors.New("job: both a file of weights and a classifier are named: take one of them")
		}
		network, err := OpenClassifier(bestOf(c.Classifier), w.settings.Dataset, w.engine.Backend, o)
		return network, ClassifierBatch, err
	}
	path := c.Weights
	if path == "" {
		var err error
		if path, err = publishedWeights(ctx, o); err != nil {
			return nil, 0, err
		}
	}
	file, err := weights.Read(path)
	if err != nil {
		return nil, 0, err
	}
	network, err := inception.New(w.engine.Backend, file)
	return network, inceptionBatch, err
}

// publishedWeights finds the published weights of Inception-v3 in the cache folder,
// or downloads them.
func publishedWeights(ctx context.Context, o Options) (string, error) {
	folder, err := cacheFolder("weights")
	if err != nil {
		return "", err
	}
	file := data.File{URL: inception.WeightsURL, Name: inception.WeightsFile, Size: inception.WeightsSize, SHA256: inception.WeightsSHA256}
	path, err := data.FetchFile(ctx, file, folder, data.FetchOptions{Offline: o.Offline, Retries: 3, Progress: o.Download})
	if err != nil && ctx.Err() == nil {
		err = fmt.Errorf("%w; or name a copy with --weights, or a classifier's run with --classifier, whose figure is another one and not FID", err)
	}
	return path, err
}

// progress tells of a stage.
func (c Comparison) progress(what string) func(done, total int) {
	if c.Progress == nil {
		return nil
	}
	return func(done, total int) { c.Progress(what, done, total) }
}
