package job

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"

	"github.com/gomlx/gomlx/ml/model"

	"github.com/kafisto/kafisto/internal/checkpoint"
	"github.com/kafisto/kafisto/internal/engine"
	"github.com/kafisto/kafisto/internal/runlog"
	"github.com/kafisto/kafisto/internal/train"
)

// Checkpoints that Saved may name beside folders.
const (
	BestCheckpoint   = "best"
	NewestCheckpoint = "newest"
)

// Saved names the variables that a run has saved, and what they are used with.
type Saved struct {
	Dir        string // run folder
	Checkpoint string // BestCheckpoint, NewestCheckpoint or the folder of one
	Engine     string // as a setting; "" is the run's
	DataDir    string // as a setting; "" is the run's
}

// opened is a run's checkpoint, open for use.
type opened struct {
	settings Settings
	saved    *checkpoint.Checkpoint
	store    *model.Store
	engine   *engine.Engine
}

// open reads the run's settings and the checkpoint's variables, and opens the
// engine. A checkpoint of a run with other settings is refused. Close it.
func (v Saved) open(ctx context.Context, o Options) (*opened, error) {
	w, err := v.restore(o)
	if err != nil {
		return nil, err
	}
	if w.engine, err = OpenEngine(ctx, w.settings, o); err != nil {
		w.store.Finalize()
		return nil, err
	}
	return w, nil
}

// readSettings reads the run's settings.
func (v Saved) readSettings() (Settings, error) {
	s, err := LoadSettings(v.Dir)
	if errors.Is(err, fs.ErrNotExist) {
		return s, fmt.Errorf("job: there is no run in %s: name a folder that train has made", v.Dir)
	}
	if err == nil {
		err = s.Check()
	}
	return s, err
}

// restore is open without the engine.
func (v Saved) restore(o Options) (*opened, error) {
	s, err := v.readSettings()
	if err != nil {
		return nil, err
	}
	if v.Engine != "" {
		s.Engine = v.Engine
	}
	if v.DataDir != "" {
		s.DataDir = v.DataDir
	}
	former, err := formerHash(v.Dir)
	if err != nil {
		return nil, err
	}
	w := &opened{settings: s, store: model.NewStore()}
	err = v.use(func(c *checkpoint.Checkpoint) error {
		w.saved = c
		if hash := c.Manifest.SettingsHash; hash != s.runHash() && hash != former {
			return fmt.Errorf("%s is a checkpoint of another model than that of %s, or was made with other settings: name one of that run", c.Path, v.Dir)
		}
		return c.Restore(w.store)
	})
	if err != nil {
		w.store.Finalize()
		return nil, err
	}
	for _, skipped := range w.saved.Skipped {
		o.Console.Message(fmt.Sprintf("passed over a damaged checkpoint: %v", skipped))
	}
	return w, nil
}

// looks is how often a checkpoint is looked for that a run deletes as it goes on.
const looks = 5

// use finds the checkpoint and does something with it, which may be done again: with
// another one, where the run has gone on and deleted it meanwhile.
func (v Saved) use(do func(*checkpoint.Checkpoint) error) error {
	for look := 1; ; look++ {
		c, err := v.load()
		if err == nil {
			err = do(c)
		}
		if look < looks && errors.Is(err, checkpoint.ErrGone) {
			continue
		}
		if err != nil {
			return fmt.Errorf("job: %w", err)
		}
		return nil
	}
}

func (v Saved) load() (*checkpoint.Checkpoint, error) {
	dir := filepath.Join(v.Dir, train.CheckpointsFolder)
	switch v.Checkpoint {
	case BestCheckpoint:
		return checkpoint.LoadBest(dir)
	case NewestCheckpoint:
		return checkpoint.Load(dir)
	}
	return checkpoint.Open(v.Checkpoint)
}

func (w *opened) close() {
	w.store.Finalize()
	w.engine.Close()
}

// Evaluation says how a run's variables are evaluated.
type Evaluation struct {
	Saved
	// Streams are the parts of a text that are read side by side, Window the words
	// that are read at once; 0 is as in training. They are for language models.
	Streams, Window int
}

// Evaluate evaluates variables that a run has saved over all splits of its data
// set. It changes nothing. A GAN's Fréchet distance is left out, with a message, where
// its classifier is not there any more.
func Evaluate(ctx context.Context, e Evaluation, o Options) ([]runlog.Eval, error) {
	w, err := e.open(ctx, o)
	if err != nil {
		return nil, err
	}
	defer w.close()
	if !w.settings.IsLanguage() && (e.Streams != 0 || e.Window != 0) {
		return nil, fmt.Errorf("job: the run in %s is of images: leave out what is for texts", e.Dir)
	}
	if features := w.settings.Features; features != "" {
		if err := checkClassifier(bestOf(features), w.settings.Dataset); err != nil {
			o.Console.Message(fmt.Sprintf("no Fréchet distance: %v", err))
			w.settings.Features = ""
		}
	}
	problem, err := findProblem(ctx, w.settings, o, reading{e.Streams, e.Window})
	if err != nil {
		return nil, err
	}
	evals, err := train.Evaluate(ctx, w.engine.Backend, w.store, problem, w.saved.Manifest.Step)
	for i := range evals {
		evals[i].Step = w.saved.Manifest.Step
		evals[i].Epoch = float64(evals[i].Step) / float64(problem.StepsPerEpoch)
	}
	return evals, err
}
