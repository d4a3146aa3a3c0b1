package checkpoint

import (
	"errors"
	"fmt"
	"path/filepath"
)

// LoadBest finds the best checkpoint in dir, as the newest whole one names it:
// that one where it names none. A best one that is lost or damaged is an error.
// Damaged ones that are newer than that which names it are reported in Skipped.
func LoadBest(dir string) (*Checkpoint, error) {
	return settled(dir, bestOf)
}

func bestOf(dir string, all []saved) (*Checkpoint, error) {
	newest, err := newestOf(dir, all)
	if err != nil || newest.Manifest.BestStep == 0 || newest.Manifest.BestStep == newest.Manifest.Step {
		return newest, err
	}
	err = fmt.Errorf("checkpoint: %s has lost the best checkpoint, of step %d: take the newest one, of step %d (--checkpoint newest)", dir, newest.Manifest.BestStep, newest.Manifest.Step)
	for _, s := range all {
		if s.step != newest.Manifest.BestStep {
			continue
		}
		best, damaged := Open(filepath.Join(dir, s.name))
		if damaged == nil && best.Manifest.Step == s.step {
			best.Skipped = newest.Skipped
			return best, nil
		}
		err = errors.Join(err, damaged)
	}
	return nil, err
}
