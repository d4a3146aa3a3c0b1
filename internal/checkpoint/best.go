package checkpoint

import (
	"errors"
	"fmt"
	"path/filepath"
)

// LoadBest finds the best checkpoint in dir, as the newest whole one names it:
// that one where it names none. A best one that is lost or damaged is an error.
func LoadBest(dir string) (*Checkpoint, error) {
	newest, err := Load(dir)
	if err != nil || newest.Manifest.BestStep == 0 || newest.Manifest.BestStep == newest.Manifest.Step {
		return newest, err
	}
	all, err := list(dir)
	if err != nil {
		return nil, fmt.Errorf("checkpoint: %w", err)
	}
	err = fmt.Errorf("checkpoint: %s has lost the best checkpoint, of step %d: take the newest one, of step %d", dir, newest.Manifest.BestStep, newest.Manifest.Step)
	for _, s := range all {
		if s.step != newest.Manifest.BestStep {
			continue
		}
		best, damaged := Open(filepath.Join(dir, s.name))
		if damaged == nil && best.Manifest.Step == s.step {
			return best, nil
		}
		err = errors.Join(err, damaged)
	}
	return nil, err
}
