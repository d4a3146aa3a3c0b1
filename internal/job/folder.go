package job

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"

	"github.com/kafisto/kafisto/internal/atomicfile"
	"github.com/kafisto/kafisto/internal/imagegrid"
	"github.com/kafisto/kafisto/internal/inputfile"
	"github.com/kafisto/kafisto/internal/lockfile"
	"github.com/kafisto/kafisto/internal/runlog"
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
	Group   string   `json:"group,omitempty"`   // runs that differ in the seed alone: "kafisto:variant=paper"
	Command string   `json:"command,omitempty"` // that started the run
	Resumed []string `json:"resumed,omitempty"` // the commands that went on with it, in order
	Version string   `json:"version,omitempty"` // of the program
	Commit  string   `json:"commit,omitempty"`  // of its source
	Machine string   `json:"machine,omitempty"` // processor, cores, memory
	// FormerHash is the hash that checkpoints of an earlier version may have, see
	// formerHash.
	FormerHash string `json:"former_hash,omitempty"`
}

// prepare makes the run folder, takes its lock and writes the settings into it.
// What the folder holds decides whether it may, see admit.
func prepare(s Settings, o Options, steps int64, optimizer train.Optimizer) (unlock func(), err error) {
	unlock = func() {}
	if !o.Claimed {
		if unlock, err = Claim(o.Dir); err != nil {
			return nil, err
		}
	}
	started, err := admit(s, o, steps) // again, now that nobody else works there
	if started && err == nil {
		sweep(o.Dir)
	}
	if err == nil {
		err = describe(s, o, started, optimizer)
	}
	if err != nil {
		unlock()
		return nil, err
	}
	return unlock, nil
}

// sweep removes what killed processes have left half written in a run folder.
func sweep(dir string) {
	for _, folder := range []string{dir, filepath.Join(dir, FiguresFolder), filepath.Join(dir, train.SamplesFolder)} {
		atomicfile.Sweep(folder)
		imagegrid.Sweep(folder)
	}
}

// ErrClaimed is wrapped by the error of Claim where another process has the folder.
var ErrClaimed = lockfile.ErrLocked

// Claim takes the lock of a run folder, which it makes if need be. The system
// releases it when unlock is called and when the process ends, in whatever way.
func Claim(dir string) (unlock func(), err error) {
	if err := atomicfile.MkdirAll(dir); err != nil {
		return nil, fmt.Errorf("job: cannot make the run folder: %w: choose another one with --dir", err)
	}
	if unlock, err = lockfile.Lock(dir); err != nil {
		return nil, fmt.Errorf("job: %w", err)
	}
	return unlock, nil
}

// admit tells whether the folder holds a run already. A folder that holds other
// settings or more steps than asked for is refused, and so is one whose run is
// not to be resumed, that has none to resume, or that is somebody else's.
func admit(s Settings, o Options, steps int64) (started bool, err error) {
	_, err = settled(o.Dir)
	switch {
	case err == nil && !o.Resume:
		return true, fmt.Errorf("job: %s holds a run already: add --resume to go on with it, or choose another folder", o.Dir)
	case err == nil:
		if err := Compatible(o.Dir, s); err != nil {
			return true, err
		}
		if done := stepsLogged(o.Dir); done > steps {
			return true, fmt.Errorf("job: the run in %s is at step %d already: ask for at least as many steps, not for %d", o.Dir, done, steps)
		}
		return true, nil
	case errors.Is(err, fs.ErrNotExist) && o.Resume:
		return false, fmt.Errorf("job: there is no run in %s to resume: check the folder, or start without --resume", o.Dir)
	case errors.Is(err, fs.ErrNotExist):
		return false, nil
	default:
		return false, err
	}
}

// describe writes what a run folder tells beside the log and the checkpoints. A
// resumed run stays that of who started it; the command is added. The settings
// come first: where a crash leaves anything, it leaves a run.
func describe(s Settings, o Options, started bool, optimizer train.Optimizer) error {
	about := o.About
	if started {
		var first About
		err := readJSON(filepath.Join(o.Dir, AboutFile), &first)
		switch {
		case err == nil:
			about = first
			about.Resumed = append(about.Resumed, o.About.Command)
		case !errors.Is(err, fs.ErrNotExist):
			return err
		}
		if about.FormerHash, err = formerHash(o.Dir); err != nil { // before the settings change
			return err
		}
	}
	for _, f := range []struct {
		name    string
		content any
	}{{SettingsFile, s}, {AboutFile, about}, {OptimizerFile, optimizer.Settings}} {
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

// readJSON reads one of a job's files. Without it the error satisfies
// errors.Is(err, fs.ErrNotExist).
func readJSON(path string, into any) error {
	text, err := inputfile.Read(path, inputfile.Small)
	if err == nil {
		err = json.Unmarshal(text, into)
	}
	if err != nil {
		return fmt.Errorf("job: cannot read %s: %w: put back a copy, or move it away", path, err)
	}
	return nil
}

// stepsLogged is the number of steps in a run's log; 0 if it cannot be read,
// which the run itself will find out.
func stepsLogged(dir string) int64 {
	log, err := runlog.Read(filepath.Join(dir, train.LogFile))
	if err != nil || len(log.Steps) == 0 {
		return 0
	}
	return log.Steps[len(log.Steps)-1].Step
}

// Compatible returns nil if the folder holds a run that these settings can go
// on with: all but the length, the engine and the data folder are the same, see Hash.
// Without a run the error satisfies errors.Is(err, fs.ErrNotExist), but in a folder
// that is somebody else's.
func Compatible(dir string, s Settings) error {
	saved, err := settled(dir)
	if err != nil {
		return err
	}
	if obstacle := Obstacle(saved.bound(), s.bound()); obstacle != "" {
		return fmt.Errorf("job: the run in %s was started with other settings (%s): use its own, or choose another folder", dir, obstacle)
	}
	return nil
}

// The settings that may change when a run is resumed; the length may not where
// the schedule follows it.
var (
	length = []string{"epochs", "steps"}
	place  = []string{"engine", "data-dir", "features"}
)

// Obstacle says in which setting b cannot go on with a run of a; "" if it can,
// see Hash.
func Obstacle(a, b Settings) string {
	if a.Hash() == b.Hash() {
		return ""
	}
	x, y := a.Map(), b.Map()
	changed := func(name string) string {
		return fmt.Sprintf("%s was %v, now %v", name, orDefault(x[name]), orDefault(y[name]))
	}
	names := slices.DeleteFunc(Difference(a, b), func(name string) bool { return slices.Contains(place, name) })
	for _, name := range names {
		if !slices.Contains(length, name) {
			return changed(name)
		}
	}
	if len(names) > 0 {
		return changed(names[0]) + ", and its schedule depends on the run's length unless schedule-epochs is set"
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
	f, _, err := inputfile.Open(path, inputfile.Small)
	if errors.Is(err, fs.ErrNotExist) {
		return Settings{}, fmt.Errorf("job: %w", err)
	}
	if err != nil {
		return Settings{}, fmt.Errorf("job: cannot look for a run: %w: choose another folder", err)
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
	Grids     []imagegrid.Grid // pictures of what a GAN made
	Frechet   []Frechet        // distances that were computed of what a GAN makes
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
	if s.IsGAN() {
		if r.Grids, err = imagegrid.List(filepath.Join(dir, train.SamplesFolder)); err != nil {
			return Record{}, fmt.Errorf("job: %w", err)
		}
		if r.Frechet, err = LoadFrechet(dir); err != nil {
			return Record{}, err
		}
	}
	for name, into := range map[string]any{AboutFile: &r.About, OptimizerFile: &r.Optimizer} {
		if err := readJSON(filepath.Join(dir, name), into); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return Record{}, err
		}
	}
	return r, nil
}
