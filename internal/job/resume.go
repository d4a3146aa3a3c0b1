package job

import (
	"errors"
	"io/fs"
	"path/filepath"
)

// bound returns the settings with the defaults of those that may change when a run is
// resumed although they may decide its result: when it is saved, and what it does when
// it diverges.
func (s Settings) bound() Settings {
	d := Defaults()
	s.SaveEvery, s.LossBound, s.Retries, s.RetryFactor = d.SaveEvery, d.LossBound, d.Retries, d.RetryFactor
	return s
}

// runHash identifies what a checkpoint may be resumed with: it is the Hash without the
// settings that may change then.
func (s Settings) runHash() string { return s.bound().Hash() }

// formerHash is the hash that checkpoints of the run in a folder may have in place of
// its settings' runHash: those of earlier versions have the Hash of the settings of
// their time, which the folder tells once these have changed.
func formerHash(dir string) (string, error) {
	var about About
	if err := readJSON(filepath.Join(dir, AboutFile), &about); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", err
	}
	if about.FormerHash != "" {
		return about.FormerHash, nil
	}
	s, err := LoadSettings(dir)
	return s.Hash(), err
}
