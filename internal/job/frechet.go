package job

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"path/filepath"
	"time"

	"github.com/kafisto/kafisto/internal/atomicfile"
	"github.com/kafisto/kafisto/internal/fid/inception"
	"github.com/kafisto/kafisto/internal/lockfile"
)

// FrechetFile is the file of a run folder with the Fréchet distances that were
// computed of its generated images.
const FrechetFile = "frechet.json"

// Frechet is a Fréchet distance of images that a run's generator has made from
// training images of its data set.
type Frechet struct {
	Name     string  `json:"name"`     // what the figure may be called; "FID" for nothing but the reference protocol's
	Distance float64 `json:"distance"` // at least 0
	Features string  `json:"features"` // source of the features: distances by different ones do not compare
	Samples  int     `json:"samples"`  // generated images
	Against  int     `json:"against"`  // training images
	Step     int64   `json:"step"`     // of the checkpoint
	Dataset  string  `json:"dataset"`
	Seed     uint64  `json:"seed"` // of the generated images
	Engine   string  `json:"engine,omitempty"`
	Version  string  `json:"version,omitempty"` // of the program
	Commit   string  `json:"commit,omitempty"`  // of its source
}

// IsFID tells whether the figure is FID by the reference protocol: nothing else may
// stand beside what others print.
func (f Frechet) IsFID() bool {
	return f.Name == inception.FID && f.Samples >= ReferenceSamples
}

// replaces tells whether a figure takes the place of an earlier one.
func (f Frechet) replaces(old Frechet) bool {
	return f.Features == old.Features && f.Samples == old.Samples && f.Against == old.Against && f.Step == old.Step
}

// LoadFrechet reads the Fréchet distances in a run folder, in the order in which
// they were computed first: one for each source of features, numbers of images and
// step. There are none where the file is missing; one that is damaged is an error.
func LoadFrechet(dir string) ([]Frechet, error) {
	var all []Frechet
	err := readJSON(filepath.Join(dir, FrechetFile), &all)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	for _, f := range all {
		if err == nil && (f.Name == "" || f.Features == "" || f.Samples < 2 || f.Against < 2 || !(f.Distance >= 0) || math.IsInf(f.Distance, 0)) {
			err = fmt.Errorf("job: cannot read %s: %+v is no Fréchet distance: put back a copy, or move it away", filepath.Join(dir, FrechetFile), f)
		}
	}
	if err != nil {
		return nil, err
	}
	return all, nil
}

// frechetLock is the lock of those who change FrechetFile: not the run's, beside which
// a figure may be computed.
const frechetLock = "frechet.lock"

// save adds the figure to those in a run folder.
func (f Frechet) save(dir string) error {
	unlock, err := lockfile.LockFile(filepath.Join(dir, frechetLock), 10*time.Second)
	if err != nil {
		return fmt.Errorf("job: the figure %s, %g, is not kept: %w", f.Name, f.Distance, err)
	}
	defer unlock()
	all, err := LoadFrechet(dir)
	if err != nil {
		return err
	}
	added := false
	for i, old := range all {
		if f.replaces(old) {
			all[i], added = f, true
		}
	}
	if !added {
		all = append(all, f)
	}
	text, err := json.MarshalIndent(all, "", "  ")
	if err == nil {
		err = atomicfile.WriteBytes(filepath.Join(dir, FrechetFile), append(text, '\n'))
	}
	if err != nil {
		return fmt.Errorf("job: %w", err)
	}
	return nil
}
