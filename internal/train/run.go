package train

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"time"

	"github.com/gomlx/compute"
	"github.com/gomlx/gomlx/ml/model"

	"github.com/kafisto/kafisto/internal/checkpoint"
	"github.com/kafisto/kafisto/internal/runlog"
)

// Files of a run folder.
const (
	LogFile           = "log.jsonl"
	CheckpointsFolder = "checkpoints"
	SamplesFolder     = "samples" // pictures of what a GAN makes, one an evaluation
)

var (
	// ErrStopped is wrapped by the error of a run whose context was cancelled; it
	// was saved and can be resumed.
	ErrStopped = errors.New("stopped")
	// ErrDiverged is wrapped by the error of a run in which a loss, a gradient or
	// the optimizer's state was not finite. Nothing of that step was saved.
	ErrDiverged = errors.New("diverged")
	// ErrOtherModel is wrapped by the error of evaluating variables that are not
	// those of the model.
	ErrOtherModel = errors.New("another model")
)

// Console shows a run's progress. Its methods are called from one goroutine
// and should return at once.
type Console interface {
	// Begin is called before the first step, with the steps done and in all, and again
	// where a run goes back after divergence.
	Begin(done, total int64)
	// Step is called after every training step.
	Step(s runlog.Step)
	// Eval is called after every evaluation.
	Eval(e runlog.Eval)
	// Message shows one line.
	Message(line string)
	// End is called after each Begin, when no more steps follow.
	End()
}

// Config says what to run, where, and how far.
type Config struct {
	Dir       string // run folder, made where needed
	Problem   Problem
	Optimizer Optimizer
	Backend   compute.Backend
	Engine    string  // the backend's name for the log
	Kernels   string  // and which kernels it has; "" for none that could be
	Version   string  // of the program
	Settings  string  // hash of the resolved settings: a checkpoint of others is refused
	Former    string  // hash that checkpoints of this run may have in place of it; "" for none
	Seed      int64   // of the initial parameters and the graph's random numbers
	Steps     int64   // in all, at least 1
	EvalEvery int64   // steps between evaluations, at least 1; the last step is always evaluated
	SaveEvery int64   // steps between checkpoints, at least 1; the last step is always saved
	LossBound float64 // a minibatch's or a split's loss above it is divergence; 0 means no bound
	Retry     Retry   // after divergence; the zero value ends the run
	Resume    bool    // continue from the newest valid checkpoint; false refuses a folder with a log
	Console   Console
	// Held tells, before anything is saved, whether the run folder is still the
	// caller's: with its error the run ends and saves nothing. Nil is always.
	Held func() error
	// Saved is called after each checkpoint; nil is nothing.
	Saved func()
}

// Result tells how far a run came.
type Result struct {
	Steps int64        // done in all
	Last  *runlog.Eval // of the deciding split; nil when nothing was evaluated
	Best  *runlog.Eval
}

// progress is the part of a run's state that checkpoints carry beside the
// variables.
type progress struct {
	Evaluated int64        `json:"evaluated"` // step of the last complete evaluation, -1 for none
	Last      *runlog.Eval `json:"last,omitempty"`
	Best      *runlog.Eval `json:"best,omitempty"`
	Retries   int          `json:"retries,omitempty"` // after divergence, so far
}

// run is a run in progress.
type run struct {
	Config
	store   *model.Store
	trained trained
	log     *runlog.Writer
	step    int64 // done
	saved   int64 // step of the last checkpoint, without those for a stop alone, -1 for none
	back    bool  // it has diverged, and another attempt goes on
	progress
}

// Run trains until all steps are done, ctx is cancelled (ErrStopped, after
// saving) or the run diverges (ErrDiverged) once more than Config.Retry allows. It
// leaves a run folder with the log and checkpoints. Other errors leave the newest
// checkpoint as it was. Two processes must not work in one run folder: the caller
// holds its lock.
func Run(ctx context.Context, c Config) (Result, error) {
	if err := os.MkdirAll(c.Dir, 0o755); err != nil {
		return Result{}, fmt.Errorf("train: %w", err)
	}
	for ; ; c.Resume = true {
		r := &run{Config: c, store: model.NewStore(), saved: -1, progress: progress{Evaluated: -1}}
		if result, err := r.attempt(ctx); !r.back {
			return result, err
		}
	}
}

// attempt trains until the run ends, or diverges and goes back.
func (r *run) attempt(ctx context.Context) (Result, error) {
	c := r.Config
	defer r.store.Finalize()
	if err := r.restore(); err != nil {
		return Result{}, err
	}
	var err error
	if r.log, err = runlog.OpenWriter(filepath.Join(c.Dir, LogFile), r.step, r.Evaluated); err != nil {
		return Result{}, fmt.Errorf("train: %w", err)
	}
	r.Retries = max(r.Retries, r.log.Retries())
	optimizer, err := r.slower()
	if err == nil {
		r.trained, err = prepare(c.Backend, r.store, c.Problem, optimizer)
	}
	if err != nil {
		return Result{}, errors.Join(err, r.log.Close())
	}
	defer r.trained.close()
	c.Console.Begin(r.step, c.Steps)
	err = r.logged(func() error { return r.loop(ctx) })
	c.Console.End()
	return Result{Steps: r.step, Last: r.Last, Best: r.Best}, err
}

// restore starts the store: from the seed, or from the newest valid checkpoint.
func (r *run) restore() error {
	if err := r.store.SetRNGStateFromSeed(r.Seed); err != nil {
		return fmt.Errorf("train: %w", err)
	}
	if !r.Resume {
		if _, err := os.Stat(filepath.Join(r.Dir, LogFile)); err == nil {
			return fmt.Errorf("train: %s holds a run already: resume it or choose another folder", r.Dir)
		}
		return nil
	}
	saved, err := checkpoint.Load(filepath.Join(r.Dir, CheckpointsFolder))
	if errors.Is(err, checkpoint.ErrNone) {
		return r.restart()
	}
	if err != nil {
		return fmt.Errorf("train: %w", err)
	}
	for _, skipped := range saved.Skipped {
		r.Console.Message(fmt.Sprintf("passed over a damaged checkpoint: %v", skipped))
	}
	m := saved.Manifest
	if known := m.SettingsHash == r.Settings || r.Former != "" && m.SettingsHash == r.Former; !known || m.Seed != r.Seed {
		return fmt.Errorf("train: %s was made with other settings: resume with the settings it was made with", saved.Path)
	}
	if m.Cursor != r.cursor(m.Step) {
		return fmt.Errorf("train: %s is of step %d, %d steps into epoch %d, where an epoch has %d steps now: the data set has another size than it had; put the old one back, or start in another folder",
			saved.Path, m.Step, m.Cursor.Step, m.Cursor.Epoch+1, r.Problem.StepsPerEpoch)
	}
	if err := json.Unmarshal(m.State, &r.progress); err != nil {
		return fmt.Errorf("train: %s: the training state is not readable: %w", saved.Path, err)
	}
	if r.step = m.Step; !m.Stop && !r.toEvaluate() { // else it is to be saved again where it is due
		r.saved = r.step
	}
	if err := saved.Restore(r.store); err != nil {
		return fmt.Errorf("train: %w", err)
	}
	return nil
}

// restart begins anew a run that was killed before its first checkpoint. Where
// there must have been one, they were lost, and the log is not thrown away.
func (r *run) restart() error {
	log, err := runlog.Read(filepath.Join(r.Dir, LogFile))
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("train: %w", err)
	}
	if err == nil && r.hadSaved(log) {
		return fmt.Errorf("train: %s has a log of %d steps but no checkpoints: put them back into %s, or choose another folder", r.Dir, len(log.Steps), CheckpointsFolder)
	}
	r.Console.Message("no checkpoint yet: starting from the first step")
	return nil
}

// Ground is the part of a start record that says with what a run is done: another
// may change the last bits of its results.
func (c Config) Ground() runlog.Start {
	return runlog.Start{
		Type: runlog.TypeStart, Version: c.Version, Go: runtime.Version(), GoMLX: checkpoint.GoMLXVersion(),
		Engine: c.Engine, Kernels: c.Kernels, Cores: runtime.NumCPU(),
	}
}

// hadSaved tells whether a run with this log must have saved a checkpoint: its last
// process went on from one, or left one when it ended, or a step was done after one at
// which a checkpoint was due, or after the first evaluation, which is the best so far.
// A run that has gone back to the start has no checkpoint either.
func (r *run) hadSaved(log *runlog.Log) bool {
	if len(log.Starts) == 0 {
		return false
	}
	start, end := log.Starts[len(log.Starts)-1], cmp.Or(log.End, &runlog.End{})
	left := end.Step > 0 && (end.Status == runlog.StatusStopped || end.Status == runlog.StatusFinished)
	if left || start.Step > 0 && end.Status != runlog.StatusRetried {
		return true
	}
	first := cmp.Or(start.SaveEvery, r.SaveEvery)
	if evals := log.Deciding(); len(evals) > 0 {
		first = min(first, evals[0].Step)
	}
	return len(log.Steps) > 0 && log.Steps[len(log.Steps)-1].Step > first
}

// logged brackets the work with the log's start and end records.
func (r *run) logged(work func() error) error {
	began := time.Now()
	start := r.Ground()
	start.Time, start.Step = began.UTC().Format(time.RFC3339), r.step
	start.Retries, start.SaveEvery = r.Retries, r.SaveEvery
	err := r.log.Append(start)
	if err == nil {
		err = work()
	}
	end := runlog.End{Type: runlog.TypeEnd, Step: r.step, Status: runlog.StatusFinished, Seconds: time.Since(began).Seconds()}
	switch {
	case errors.Is(err, ErrDiverged):
		end.Status, end.Message = runlog.StatusDiverged, err.Error()
		if r.back = r.goBack(err); r.back {
			end.Status = runlog.StatusRetried
		}
	case errors.Is(err, ErrStopped):
		end.Status = runlog.StatusStopped
	case err != nil:
		return errors.Join(err, r.log.Close()) // as after a crash: no end record
	}
	unlogged := errors.Join(r.log.Append(end), r.log.Sync(), r.log.Close())
	r.back = r.back && unlogged == nil // the log counts the retries
	return errors.Join(err, unlogged)
}
