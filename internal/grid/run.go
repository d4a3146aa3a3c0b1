package grid

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"github.com/kafisto/kafisto/internal/data"
	"github.com/kafisto/kafisto/internal/engine"
	"github.com/kafisto/kafisto/internal/job"
	"github.com/kafisto/kafisto/internal/train"
)

// Options say where and how runs are done; nothing here changes their results.
type Options struct {
	Dir     string // results folder
	DataDir string // folder of data sets; "" means the cache folder, to which what is missing is downloaded
	Engine  string // as a run's setting
	// Job gives what the runs need, by a run's label.
	Job func(label string) job.Options
	// Message tells the user something.
	Message func(text string)
}

// Run is a training run of a grid.
type Run struct {
	Folder   string       // its name in the results folder, see FolderName
	Group    string       // kept with the run, see job.About; "" for none
	Settings job.Settings // but for the engine and the data folder, which Options have
}

// FindData finds the data set of the settings: whether it is there, or with fetch
// downloads what is missing in the cache folder.
func FindData(ctx context.Context, s job.Settings, o Options, fetch bool) error {
	s.DataDir = o.DataDir
	var folder string
	var err error
	if fetch {
		folder, err = job.FindData(ctx, s, o.Job(s.Dataset))
	} else {
		folder, err = job.DataFolder(s)
	}
	if err != nil {
		return err
	}
	return data.Locate(s.Dataset, folder)
}

// Do does what is left of the runs, in their order. The folder may be shared: a run
// that another process works on is passed over, and waited for at the end; should
// that process die, it is gone on with. A run that diverges is a result. When ctx
// is cancelled the run in progress is saved, and the error is train.ErrStopped.
func Do(ctx context.Context, runs []Run, o Options) error {
	w := &worker{Options: o, labels: map[string]string{}}
	defer w.close()
	for i, r := range runs { // before anything is run
		w.labels[r.Folder] = fmt.Sprintf("run %d of %d", i+1, len(runs))
		if _, err := job.Look(w.folder(r), r.Settings); err != nil {
			return err
		}
	}
	return Share(ctx, runs, o.Message, w.do)
}

// Share does each of some runs, of which other processes do some meanwhile: where do
// returns job.ErrClaimed the run is passed over, and waited for at the end. Message
// tells the user of that. Another error of do ends it; cancelling ctx ends the wait
// with train.ErrStopped.
func Share[R any](ctx context.Context, runs []R, message func(text string), do func(context.Context, R) error) error {
	told := false
	for left := runs; ; {
		var busy []R
		for _, r := range left {
			switch err := do(ctx, r); {
			case errors.Is(err, job.ErrClaimed):
				busy = append(busy, r)
			case err != nil:
				return err
			}
		}
		if len(busy) == 0 {
			return nil
		}
		if len(busy) < len(left) { // look again at once: the others have gone on meanwhile
			left = busy
			continue
		}
		if !told {
			message(fmt.Sprintf("waiting for other processes: %d of the runs", len(left)))
			told = true
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("grid: %w while waiting for other processes", train.ErrStopped)
		case <-time.After(500 * time.Millisecond):
		}
	}
}

// worker does runs, all on one engine.
type worker struct {
	Options
	engine *engine.Engine
	labels map[string]string // of the runs, by folder
}

func (w *worker) folder(r Run) string { return filepath.Join(w.Dir, RunsFolder, r.Folder) }

// do does a run as far as it is not done. Where another process has claimed it
// the error is job.ErrClaimed.
func (w *worker) do(ctx context.Context, r Run) error {
	dir := w.folder(r)
	unlock, err := job.Claim(dir)
	if err != nil {
		return err
	}
	defer unlock()
	state, err := job.Look(dir, r.Settings)
	if err != nil || state.Done {
		return err
	}
	s := r.Settings
	s.Engine, s.DataDir = w.Engine, w.DataDir
	label := w.labels[r.Folder]
	o := w.Job(label)
	if w.engine == nil {
		if w.engine, err = job.OpenEngine(ctx, s, o); err != nil {
			return err
		}
	}
	w.Message(fmt.Sprintf("%s, on %s: %s", label, w.engine.Name, r.Folder))
	o.Dir, o.Resume, o.Engine, o.Claimed, o.About.Group = dir, state.Started, w.engine, true, r.Group
	if _, err = job.Run(ctx, s, o); errors.Is(err, train.ErrDiverged) {
		w.Message(fmt.Sprintf("%s %s", label, strings.TrimPrefix(err.Error(), "train: ")))
		return nil
	}
	return err
}

func (w *worker) close() {
	if w.engine != nil {
		w.engine.Close()
	}
}
