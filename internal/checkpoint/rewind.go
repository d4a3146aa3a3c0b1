package checkpoint

import (
	"fmt"
	"path/filepath"
)

// Rewind makes the newest checkpoint of a step before the given one the newest of
// all, for a run that goes back: it passes over those that are for a stop alone and
// those that are damaged, deletes the whole ones that are newer, and returns the step.
// Where there is none, but none other than for stops either, they are deleted, and the
// step is 0: the run starts again.
//
// Where there is nothing to go back to, the error wraps [ErrNone], and nothing is
// deleted.
func Rewind(dir string, before int64) (step int64, err error) {
	listed, err := list(dir)
	if err != nil {
		return 0, fmt.Errorf("checkpoint: %w", err)
	}
	var newer []string
	start := before > 0 // nothing but stops so far
	for _, s := range listed {
		m := whole(filepath.Join(dir, s.name), s.step)
		if m != nil && !m.Stop && s.step < before {
			return s.step, discardAll(dir, newer)
		}
		start = start && m != nil && m.Stop
		if m != nil {
			newer = append(newer, s.name)
		}
	}
	if !start {
		return 0, fmt.Errorf("checkpoint: %w of a step before %d in %s", ErrNone, before, dir)
	}
	return 0, discardAll(dir, newer)
}

// discardAll deletes whole checkpoints. One that holds anything else is an error.
func discardAll(dir string, names []string) error {
	for _, name := range names {
		if path := filepath.Join(dir, name); !isOurs(path) {
			return fmt.Errorf("checkpoint: %s holds more than a checkpoint: move it away", path)
		}
	}
	for _, name := range names {
		if err := discard(dir, name); err != nil {
			return fmt.Errorf("checkpoint: %w", err)
		}
	}
	if len(names) == 0 {
		return nil
	}
	return syncDir(dir)
}
