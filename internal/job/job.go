package job

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/kafisto/kafisto/internal/data"
	"github.com/kafisto/kafisto/internal/engine"
	"github.com/kafisto/kafisto/internal/lockfile"
	"github.com/kafisto/kafisto/internal/train"
)

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
	// Claimed tells that the caller holds the run folder's lock, see Claim.
	Claimed bool
	// Saved is called after each checkpoint; may be nil.
	Saved func()
}

// OpenEngine opens the engine that settings ask for.
func OpenEngine(ctx context.Context, s Settings, o Options) (*engine.Engine, error) {
	choice, err := engine.Parse(s.Engine)
	if err != nil {
		return nil, err
	}
	return engine.Open(ctx, engine.Options{Choice: choice, Offline: o.Offline, Message: o.Console.Message, Progress: o.Progress})
}

// DataFolder returns where the settings' data set is looked for: the folder that
// is set, or the one for data sets in the cache folder. An embedded set is in
// neither.
func DataFolder(s Settings) (string, error) {
	info, err := data.Describe(s.Dataset)
	if err != nil || info.Embedded || s.DataDir != "" {
		return s.DataDir, err
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("job: there is no cache folder for data sets (%w): name a folder with --data-dir", err)
	}
	return filepath.Join(cache, "kafisto", "data"), nil
}

// FindData returns the folder of the settings' data set, as DataFolder does, and
// downloads what is missing in the cache folder.
func FindData(ctx context.Context, s Settings, o Options) (string, error) {
	folder, err := DataFolder(s)
	if err != nil || folder == s.DataDir {
		return folder, err
	}
	return data.Fetch(ctx, s.Dataset, folder, data.FetchOptions{Offline: o.Offline, Retries: 3, Progress: o.Download})
}

// Run carries out the training run that settings describe. Options.Engine may
// hold an engine that is open already; it stays open.
func Run(ctx context.Context, s Settings, o Options) (train.Result, error) {
	if err := s.Check(); err != nil {
		return train.Result{}, err
	}
	steps, err := s.Length()
	if err != nil {
		return train.Result{}, err
	}
	if _, err := admit(s, o, steps); err != nil { // before anything is downloaded
		return train.Result{}, err
	}
	problem, err := findProblem(ctx, s, o, reading{})
	if err != nil {
		return train.Result{}, err
	}
	optimizer, err := NewOptimizer(s, problem.StepsPerEpoch, steps)
	if err != nil {
		return train.Result{}, err
	}
	opened := o.Engine
	if opened == nil {
		if opened, err = OpenEngine(ctx, s, o); err != nil {
			return train.Result{}, err
		}
		defer opened.Close()
	}
	unlock, err := prepare(s, o, steps, optimizer)
	if err != nil {
		return train.Result{}, err
	}
	defer unlock()
	held, err := lockfile.Watch(o.Dir)
	if err != nil {
		return train.Result{}, fmt.Errorf("job: %w", err)
	}
	former, err := formerHash(o.Dir)
	if err != nil {
		return train.Result{}, err
	}
	c := train.Config{
		Dir: o.Dir, Problem: problem, Optimizer: optimizer, Backend: opened.Backend, Engine: opened.Name, Kernels: opened.Kernels,
		Version: o.About.Version, Settings: s.runHash(), Former: former, Seed: s.Seed, Steps: steps,
		EvalEvery: orEpoch(s.EvalEvery, problem), SaveEvery: orEpoch(s.SaveEvery, problem),
		LossBound: s.LossBound, Resume: o.Resume, Console: o.Console, Held: held, Saved: o.Saved,
		Retry: train.Retry{Times: s.Retries, Factor: s.RetryFactor, Slower: func(factor float64) (train.Optimizer, error) {
			return slowerOptimizer(s, factor, problem.StepsPerEpoch, steps)
		}},
	}
	if text := otherGround(o.Dir, c.Ground()); text != "" {
		o.Console.Message(text)
	}
	return train.Run(ctx, c)
}

func orEpoch(every int64, p train.Problem) int64 {
	if every == 0 {
		return p.StepsPerEpoch
	}
	return every
}
