package job

import (
	"errors"
	"fmt"
	"io/fs"

	"github.com/kafisto/kafisto/internal/runlog"
)

// State is how far the run in a folder is.
type State struct {
	Started  bool  // the folder holds a run of these settings
	Done     bool  // it needs no more steps
	Diverged bool  // it is done for that
	Step     int64 // steps logged
	Steps    int64 // that the settings ask for
	// Record is the run's; nil before its first record.
	Record *Record
}

// Text says the state in words.
func (s State) Text() string {
	switch {
	case s.Diverged:
		return "diverged"
	case s.Done:
		return "done"
	case s.Step > 0:
		return fmt.Sprintf("in progress (step %d of %d)", s.Step, s.Steps)
	}
	return "not run"
}

// Look finds out what a run folder holds, if anything. A run of other settings,
// one that is longer than asked for, one that cannot be read, and a folder that is
// somebody else's are errors.
func Look(dir string, s Settings) (State, error) {
	var state State
	var err error
	if state.Steps, err = s.Length(); err != nil {
		return state, err
	}
	err = Compatible(dir, s)
	if errors.Is(err, fs.ErrNotExist) {
		return state, nil
	}
	if err != nil {
		return state, err
	}
	state.Started = true
	record, err := LoadRun(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return state, nil // killed before its first step
	}
	if err != nil {
		return state, err
	}
	state.Record = &record
	if steps := record.Log.Steps; len(steps) > 0 {
		state.Step = steps[len(steps)-1].Step
	}
	if state.Step > state.Steps {
		return state, fmt.Errorf("job: the run in %s is longer than asked for, step %d instead of %d: choose another folder", dir, state.Step, state.Steps)
	}
	if end := record.Log.End; end != nil { // the settings may be of more steps, before any was done
		state.Diverged = end.Status == runlog.StatusDiverged
		state.Done = state.Diverged || end.Status == runlog.StatusFinished && end.Step == state.Steps
	}
	return state, nil
}
