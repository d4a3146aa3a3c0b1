package runlog

import (
	"fmt"
	"io"
	"os"
)

// Log is a run's whole log.
type Log struct {
	Starts []Start // one a process, oldest first
	Steps  []Step  // by step, each at most once
	Evals  []Eval  // in the order of logging
	End    *End    // how the last process left; nil when it runs or was killed
	Torn   bool    // the last line was cut off, as by a crash, and left out
}

// Deciding are the evaluations by which runs are compared, in the order of
// logging: those of the split that was evaluated first.
func (l *Log) Deciding() []Eval {
	var evals []Eval
	for _, e := range l.Evals {
		if e.Split == l.Evals[0].Split {
			evals = append(evals, e)
		}
	}
	return evals
}

// Read reads the log at path. A last line that is cut off is left out; anything
// else that is not a record of this package is an error with its line number.
func Read(path string) (*Log, error) {
	f, err := openRegular(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	log, err := readFrom(f)
	if err != nil {
		return nil, fmt.Errorf("runlog: %s: %w", path, err)
	}
	return log, nil
}

func readFrom(r io.Reader) (*Log, error) {
	log := &Log{}
	torn, err := scan(r, func(l line) error {
		switch record := l.record.(type) {
		case *Start:
			log.Starts = append(log.Starts, *record)
			log.End = nil
		case *Step:
			log.Steps = append(log.Steps, *record)
		case *Eval:
			log.Evals = append(log.Evals, *record)
		case *End:
			log.End = record
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	log.Torn = torn
	return log, nil
}

// openRegular opens a file for reading, but no folder, pipe or device, on which
// a read could hang.
func openRegular(path string) (*os.File, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("runlog: cannot read the log: %w", err)
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("runlog: %s is not a file", path)
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("runlog: cannot read the log: %w", err)
	}
	return f, nil
}
