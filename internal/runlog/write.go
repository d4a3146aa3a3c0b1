package runlog

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/kafisto/kafisto/internal/atomicfile"
)

// Writer appends records to a run's log. It is not for concurrent use; the
// run folder's lock keeps other processes away.
type Writer struct {
	file *os.File
	path string
	size int64 // length of the file, all whole lines
	last int64 // last training step in the log

	retries int // how often the run has gone back
}

// OpenWriter opens the log at path for appending, creating it where there is
// none; its folder must exist. atStep is the number of steps that the run has
// done, 0 for a new run, and evaluated the last of them after which it was
// evaluated, -1 for none: step records after atStep and eval records after evaluated, which a
// killed process left behind, and a torn last line are taken out (the file is
// replaced atomically), so that nothing stands in a log twice. Starts and ends
// stay.
// A log that is damaged otherwise, or that ends before atStep or evaluated, is an
// error and left as it is.
func OpenWriter(path string, atStep, evaluated int64) (*Writer, error) {
	if atStep < 0 || evaluated < -1 || evaluated > atStep {
		return nil, fmt.Errorf("runlog: cannot continue a log at step %d, evaluated at step %d", atStep, evaluated)
	}
	w := &Writer{path: path}
	err := w.trim(atStep, evaluated)
	created := errors.Is(err, fs.ErrNotExist)
	if created && atStep > 0 {
		err, created = short(path, 0, 0, atStep, evaluated), false
	}
	if err != nil && !created {
		return nil, err
	}
	w.file, err = os.OpenFile(path, os.O_WRONLY|os.O_APPEND|os.O_CREATE, atomicfile.Mode)
	if err != nil {
		return nil, fmt.Errorf("runlog: cannot write the log: %w", err)
	}
	if created {
		err = atomicfile.SyncDir(filepath.Dir(path))
	}
	if err == nil {
		w.size, err = w.file.Seek(0, io.SeekEnd)
	}
	if err != nil {
		w.file.Close()
		return nil, fmt.Errorf("runlog: cannot write %s: %w", path, err)
	}
	return w, nil
}

// trim takes out of an existing log what a process that goes on after step
// atStep must not find there, and notes the last step that stays.
func (w *Writer) trim(atStep, evaluated int64) error {
	f, err := openRegular(w.path)
	if err != nil {
		return err
	}
	defer f.Close()
	var kept bytes.Buffer
	var lastEval int64
	changed := false
	torn, err := scan(f, func(l line) error {
		if !keep(l.record, atStep, evaluated) {
			changed = true
			return nil
		}
		if step, ok := l.record.(*Step); ok {
			w.last = step.Step
		}
		if eval, ok := l.record.(*Eval); ok {
			lastEval = max(lastEval, eval.Step)
		}
		if end, ok := l.record.(*End); ok && end.Status == StatusRetried {
			w.retries++
		}
		kept.Write(l.text)
		if !bytes.HasSuffix(l.text, []byte("\n")) { // the last line, whole but for this
			kept.WriteByte('\n')
			changed = true
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("runlog: cannot continue %s: %w", w.path, err)
	}
	if w.last < atStep || lastEval < evaluated {
		return short(w.path, w.last, lastEval, atStep, evaluated)
	}
	if !torn && !changed {
		return nil
	}
	f.Close() // Windows replaces no open file
	return atomicfile.WriteBytes(w.path, kept.Bytes())
}

// short is the error of a log that lacks what the run has done.
func short(path string, last, lastEval, atStep, evaluated int64) error {
	return fmt.Errorf("runlog: the log %s is cut short: it ends at step %d with an evaluation at step %d, the run has done %d steps and was evaluated at step %d: put back a copy of the log, or start again in another folder",
		path, last, lastEval, atStep, evaluated)
}

// keep tells whether a record stays when the run goes on after step atStep and
// an evaluation after step evaluated.
func keep(record any, atStep, evaluated int64) bool {
	switch r := record.(type) {
	case *Step:
		return r.Step <= atStep
	case *Eval:
		return r.Step <= evaluated
	}
	return true
}

// Retries is how often the run had gone back after divergence when the log was
// opened, as its end records tell.
func (w *Writer) Retries() int { return w.retries }

// Append writes one record, a [Start], [Step], [Eval] or [End], as one line;
// its Type is filled in. The line is handed to the operating system before
// Append returns, so it outlives a kill of the process; [Writer.Sync] makes it
// outlive a power cut. A record with NaN or infinity, a step that is not after
// the last one and a failed write (a full disk) are errors; the log then is as
// it was before.
func (w *Writer) Append(record any) error {
	text, err := encode(record)
	if err != nil {
		return fmt.Errorf("runlog: record not logged: %w", err)
	}
	step, isStep := record.(Step)
	if isStep && step.Step <= w.last {
		return fmt.Errorf("runlog: record not logged: step %d is not after step %d, the last one in the log", step.Step, w.last)
	}
	if _, err := w.file.Write(text); err != nil {
		if cut := w.file.Truncate(w.size); cut != nil {
			w.file.Close() // rather no more records than one behind half a line
		}
		return fmt.Errorf("runlog: cannot write the log: %w", err)
	}
	w.size += int64(len(text))
	if isStep {
		w.last = step.Step
	}
	return nil
}

// encode makes a record's line, newline included.
func encode(record any) ([]byte, error) {
	var checked interface{ check() error }
	switch r := record.(type) {
	case Start:
		r.Type, checked = TypeStart, &r
		record = r
	case Step:
		r.Type, checked = TypeStep, &r
		record = r
	case Eval:
		r.Type, checked = TypeEval, &r
		record = r
	case End:
		r.Type, checked = TypeEnd, &r
		record = r
	default:
		return nil, fmt.Errorf("a %T is no record", record)
	}
	if err := checked.check(); err != nil {
		return nil, err
	}
	text, err := json.Marshal(record)
	if err != nil {
		return nil, err
	}
	if len(text) >= maxLine {
		return nil, fmt.Errorf("it takes %d bytes, a line holds %d", len(text)+1, maxLine)
	}
	return append(text, '\n'), nil
}

// Sync makes everything appended so far outlive a power cut. Call it before a
// checkpoint is saved, so that a log is never behind its checkpoints.
func (w *Writer) Sync() error {
	if err := w.file.Sync(); err != nil {
		return fmt.Errorf("runlog: cannot flush the log to disk: %w", err)
	}
	return nil
}

// Close flushes the log to disk and closes it.
func (w *Writer) Close() error {
	err := w.Sync()
	if closed := w.file.Close(); err == nil && closed != nil {
		err = fmt.Errorf("runlog: cannot close the log: %w", closed)
	}
	return err
}
