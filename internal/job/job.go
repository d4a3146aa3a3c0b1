package job

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/kafisto/kafisto/internal/atomicfile"
	"github.com/kafisto/kafisto/internal/data"
	"github.com/kafisto/kafisto/internal/engine"
	"github.com/kafisto/kafisto/internal/runlog"
	"github.com/kafisto/kafisto/internal/task"
	"github.com/kafisto/kafisto/internal/train"
)

// Files that a job adds to its run folder.
const (
	SettingsFile  = "settings.json"  // the resolved settings, usable as a settings file
	OptimizerFile = "optimizer.json" // the optimizer's effective settings
	AboutFile     = "about.json"     // who started the run, and where
)

// About says who started a run, and where: it changes no result, and is empty
// where it is not known.
type About struct {
	Group   string `json:"group,omitempty"`   // runs that differ in the seed alone: "kafisto:variant=paper"
	Command string `json:"command,omitempty"` // that started the run
	Version string `json:"version,omitempty"` // of the program
	Commit  string `json:"commit,omitempty"`  // of its source
	Machine string `json:"machine,omitempty"` // processor, cores, memory
}

// Options say where and how a job runs; nothing here changes its result.
type Options struct {
	Dir      string // run folder
	Resume   bool   // continue what the folder holds
	Offline  bool   // never use the network
	About    About  // kept with the run; its version goes into logs and checkpoints
	Console  train.Console
	Progress io.Writer // progress of the engine's download; nil for none
	// Download is told about data downloads: file, bytes done and in all; may be nil.
	Download func(file string, done, total int64)
	// Engine is one that is open already; nil opens the settings' own.
	Engine *engine.Engine
}

// OpenEngine opens the engine that settings ask for.
func OpenEngine(ctx context.Context, s Settings, o Options) (*engine.Engine, error) {
	choice, err := engine.Parse(s.Engine)
	if err != nil {
		return nil, err
	}
	return engine.Open(ctx, engine.Options{Choice: choice, Offline: o.Offline, Message: o.Console.Message, Progress: o.Progress})
}

// FindData returns the folder of the settings' data set: the one that is set,
// or the cache folder, into which what is missing is downloaded.
func FindData(ctx context.Context, s Settings, o Options) (string, error) {
	info, err := data.Describe(s.Dataset)
	if err != nil || info.Embedded || s.DataDir != "" {
		return s.DataDir, err
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("job: there is no cache folder for data sets (%w): name a folder with --data-dir", err)
	}
	folder := filepath.Join(cache, "kafisto", "data")
	return data.Fetch(ctx, s.Dataset, folder, data.FetchOptions{Offline: o.Offline, Retries: 3, Progress: o.Download})
}

// Run carries out the training run that settings describe. Options.Engine may
// hold an engine that is open already; it stays open.
func Run(ctx context.Context, s Settings, o Options) (train.Result, error) {
	if err := s.Validate(); err != nil {
		return train.Result{}, err
	}
	folder, err := FindData(ctx, s, o)
	if err != nil {
		return train.Result{}, err
	}
	problem, _, _, err := task.Images{
		Dataset: s.Dataset, Folder: folder, Model: s.Model, BatchSize: s.BatchSize, Seed: uint64(s.Seed),
		Augment: s.Augment, TrainExamples: s.TrainExamples, EvalExamples: s.EvalExamples,
	}.Problem()
	if err != nil {
		return train.Result{}, err
	}
	steps := s.Steps
	if steps == 0 {
		steps = s.Epochs * problem.StepsPerEpoch
	}
	optimizer, err := NewOptimizer(s, problem.StepsPerEpoch, steps)
	if err != nil {
		return train.Result{}, err
	}
	if err := prepare(s, o, optimizer); err != nil {
		return train.Result{}, err
	}
	opened := o.Engine
	if opened == nil {
		if opened, err = OpenEngine(ctx, s, o); err != nil {
			return train.Result{}, err
		}
		defer opened.Close()
	}
	return train.Run(ctx, train.Config{
		Dir: o.Dir, Problem: problem, Optimizer: optimizer, Backend: opened.Backend, Engine: opened.Name,
		Version: o.About.Version, Settings: s.Hash(), Seed: s.Seed, Steps: steps,
		EvalEvery: orEpoch(s.EvalEvery, problem), SaveEvery: orEpoch(s.SaveEvery, problem),
		Resume: o.Resume, Console: o.Console,
	})
}

func orEpoch(every int64, p train.Problem) int64 {
	if every == 0 {
		return p.StepsPerEpoch
	}
	return every
}

// prepare makes the run folder and writes the settings into it. A folder that
// holds other settings is refused, one that is not to be resumed is left alone.
func prepare(s Settings, o Options, optimizer train.Optimizer) error {
	err := Compatible(o.Dir, s)
	started := err == nil
	switch {
	case started && !o.Resume:
		return fmt.Errorf("job: %s holds a run already: add --resume to go on with it, or choose another folder", o.Dir)
	case errors.Is(err, fs.ErrNotExist) && o.Resume:
		return fmt.Errorf("job: there is no run in %s to resume: check the folder, or start without --resume", o.Dir)
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		return err
	}
	if err := os.MkdirAll(o.Dir, 0o755); err != nil {
		return fmt.Errorf("job: %w", err)
	}
	files := []struct {
		name    string
		content any
	}{{AboutFile, o.About}, {OptimizerFile, optimizer.Settings}, {SettingsFile, s}}
	if started {
		files = files[1:] // the run stays that of who started it
	}
	for _, f := range files {
		text, err := json.MarshalIndent(f.content, "", "  ")
		if err == nil {
			err = atomicfile.WriteBytes(filepath.Join(o.Dir, f.name), append(text, '\n'))
		}
		if err != nil {
			return fmt.Errorf("job: %w", err)
		}
	}
	return nil
}

// Compatible returns nil if the folder holds a run that these settings can go
// on with: all but the length, the engine and the data folder are the same.
// Without a run the error satisfies errors.Is(err, fs.ErrNotExist).
func Compatible(dir string, s Settings) error {
	saved, err := LoadSettings(dir)
	if err == nil && saved.Hash() != s.Hash() {
		err = fmt.Errorf("job: the run in %s was started with other settings (%s): use its own, or choose another folder", dir, difference(saved, s))
	}
	return err
}

// lengthAndPlace are the settings that may change when a run is resumed.
var lengthAndPlace = []string{"epochs", "steps", "engine", "data-dir"}

// difference says in which setting b cannot go on with a run of a.
func difference(a, b Settings) string {
	x, y := a.Map(), b.Map()
	for _, name := range Difference(a, b) {
		if !slices.Contains(lengthAndPlace, name) {
			return fmt.Sprintf("%s was %v, now %v", name, orDefault(x[name]), orDefault(y[name]))
		}
	}
	return "no difference found"
}

func orDefault(value any) any {
	if value == nil {
		return "its default"
	}
	return value
}

// Difference names the settings in which a and b differ, in alphabetical order.
func Difference(a, b Settings) []string {
	x, y := a.Map(), b.Map()
	return slices.DeleteFunc(sortedNames(x, y), func(name string) bool { return x[name] == y[name] })
}

// LoadSettings reads the settings of the run in a folder. Without a run the
// error satisfies errors.Is(err, fs.ErrNotExist).
func LoadSettings(dir string) (Settings, error) {
	path := filepath.Join(dir, SettingsFile)
	f, err := os.Open(path)
	if err != nil {
		return Settings{}, fmt.Errorf("job: %w", err)
	}
	defer f.Close()
	values, err := ReadSettings(f)
	if err != nil {
		return Settings{}, fmt.Errorf("job: %s: %w", path, err)
	}
	s, err := Defaults().with(values)
	if err != nil {
		return Settings{}, fmt.Errorf("job: %s: %w", path, err)
	}
	return s, nil
}

// Record is what a run folder tells.
type Record struct {
	Settings Settings
	About    About // empty where the folder has none
	// Optimizer are the optimizer's effective settings; nil where the folder has none.
	Optimizer map[string]any
	Log       *runlog.Log
}

// LoadRun reads a run folder, of a run that goes on too. Without a run the
// error satisfies errors.Is(err, fs.ErrNotExist).
func LoadRun(dir string) (Record, error) {
	s, err := LoadSettings(dir)
	if err != nil {
		return Record{}, err
	}
	log, err := runlog.Read(filepath.Join(dir, train.LogFile))
	if err != nil {
		return Record{}, fmt.Errorf("job: %w", err)
	}
	r := Record{Settings: s, Log: log}
	for name, into := range map[string]any{AboutFile: &r.About, OptimizerFile: &r.Optimizer} {
		path := filepath.Join(dir, name)
		text, err := os.ReadFile(path)
		if err == nil {
			err = json.Unmarshal(text, into)
		}
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return Record{}, fmt.Errorf("job: %s: %w", path, err)
		}
	}
	return r, nil
}
