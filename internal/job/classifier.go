package job

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/gomlx/compute"

	"github.com/kafisto/kafisto/internal/data"
	"github.com/kafisto/kafisto/internal/fid"
	"github.com/kafisto/kafisto/internal/fid/classifier"
	"github.com/kafisto/kafisto/internal/task"
	"github.com/kafisto/kafisto/models"
)

// ClassifierBatch is the number of images whose features a classifier makes at once.
const ClassifierBatch = 250

// OpenClassifier takes the features of a classifier that a run has trained, for
// Fréchet distances of images of a data set, on a backend, which must outlive them.
// Of v, the engine and the data folder are not used. A run of another data set and
// one that trains no classifier are errors. Close the network when done.
func OpenClassifier(v Saved, dataset string, backend compute.Backend, o Options) (*fid.Network, error) {
	w, err := v.restore(o)
	if err != nil {
		return nil, err
	}
	features, info, err := classifierOf(w.settings, v.Dir, dataset)
	if err != nil {
		w.store.Finalize()
		return nil, err
	}
	m := w.saved.Manifest
	return classifier.New(backend, w.store, features, info, classifier.Origin{Model: w.settings.Model, Step: m.Step, SHA256: m.SHA256})
}

// classifierOf is the classifier without its last layer of the settings of the run
// in dir, which must be of the data set.
func classifierOf(s Settings, dir, dataset string) (models.Classifier, data.Info, error) {
	info, err := data.Describe(dataset)
	switch {
	case err != nil:
		return nil, info, err
	case s.Dataset != dataset:
		return nil, info, fmt.Errorf("job: the run in %s is of %s, not of %s: name one that has trained a classifier of %s", dir, s.Dataset, dataset, dataset)
	case s.IsLanguage() || s.IsGAN():
		return nil, info, fmt.Errorf("job: the run in %s trains %s, which is no classifier: name a run of one", dir, s.Model)
	}
	features, err := models.FeaturesByName(s.Model, models.Config{Classes: info.Classes, Width: s.Width})
	return features, info, err
}

// checkClassifier tells, without an engine, whether OpenClassifier finds all it needs.
func checkClassifier(v Saved, dataset string) error {
	s, err := v.readSettings()
	if err != nil {
		return err
	}
	if _, _, err := classifierOf(s, v.Dir, dataset); err != nil {
		return err
	}
	if _, err := v.load(); err != nil {
		return fmt.Errorf("job: %w", err)
	}
	return nil
}

// trainedFeatures are a classifier's features, as a GAN's evaluations use them.
type trainedFeatures struct {
	*fid.Network
	folder string // of training images' statistics
}

// openFeatures opens the best checkpoint of the classifier in a run folder.
func openFeatures(dir, dataset string, backend compute.Backend, o Options) (task.Features, error) {
	folder, err := StatisticsFolder()
	if err != nil {
		return nil, err
	}
	network, err := OpenClassifier(bestOf(dir), dataset, backend, o)
	if err != nil {
		return nil, err
	}
	return trainedFeatures{network, folder}, nil
}

// bestOf is the best checkpoint of a run.
func bestOf(dir string) Saved { return Saved{Dir: dir, Checkpoint: BestCheckpoint} }

// Name implements task.Features.
func (f trainedFeatures) Name() string { return f.Source() }

// Training implements task.Features.
func (f trainedFeatures) Training(ctx context.Context, images *data.Images) (*fid.Statistics, error) {
	return f.Cached(ctx, f.folder, images, ClassifierBatch, nil)
}

// StatisticsFolder is where the statistics of data sets are kept, see fid.Network.Cached.
func StatisticsFolder() (string, error) { return cacheFolder("statistics") }

// cacheFolder is a folder of the program in the user's cache folder.
func cacheFolder(name string) (string, error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("job: there is no cache folder for %s: %w", name, err)
	}
	return filepath.Join(cache, "kafisto", name), nil
}
