package job

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/gomlx/compute"

	"github.com/kafisto/kafisto/internal/data"
	"github.com/kafisto/kafisto/internal/fid"
	"github.com/kafisto/kafisto/internal/fid/classifier"
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
	s := w.settings
	info, err := data.Describe(dataset)
	if err == nil && s.Dataset != dataset {
		err = fmt.Errorf("job: the run in %s is of %s, not of %s: name one that has trained a classifier of %s", v.Dir, s.Dataset, dataset, dataset)
	}
	var features models.Classifier
	if err == nil {
		features, err = models.FeaturesByName(s.Model, models.Config{Classes: info.Classes, Width: s.Width})
	}
	if err != nil {
		w.store.Finalize()
		return nil, err
	}
	m := w.saved.Manifest
	return classifier.New(backend, w.store, features, info, classifier.Origin{Model: s.Model, Step: m.Step, SHA256: m.SHA256})
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
