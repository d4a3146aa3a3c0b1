package job

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/kafisto/kafisto/internal/checkpoint"
	"github.com/kafisto/kafisto/internal/lockfile"
	"github.com/kafisto/kafisto/internal/runlog"
	"github.com/kafisto/kafisto/internal/train"
)

// short are settings of a run of a second.
func short() Settings {
	s := Defaults()
	s.Engine, s.Width, s.Steps, s.TrainExamples, s.EvalExamples, s.BatchSize, s.Optimizer = "go", 2, 2, 64, 50, 16, "sgd"
	return s
}

// names are the entries of a folder.
func names(t *testing.T, dir string) (all []string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		all = append(all, e.Name())
	}
	return all
}

// TestForeignFolderIsRefused: what a run would write over is another's, and stays alone.
func TestForeignFolderIsRefused(t *testing.T) {
	for _, name := range append(written, "log.jsonl", "checkpoints", "figures", "report.html", "optimizer.json", "about.json") {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, name), []byte("mine"), 0o644); err != nil {
			t.Fatal(err)
		}
		_, err := Run(t.Context(), short(), quiet(dir))
		if err == nil || !strings.Contains(err.Error(), dir+" holds "+name) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: error %v", name, err)
		}
		if _, err := Look(dir, short()); err == nil {
			t.Errorf("%s: taken for no run", name)
		}
		if text, err := os.ReadFile(filepath.Join(dir, name)); string(text) != "mine" || !slices.Equal(names(t, dir), []string{name}) {
			t.Errorf("%s: %q (%v) in a folder of %q", name, text, err, names(t, dir))
		}
	}
}

// TestFolderWithOtherFilesWillDo: a run is made beside them, and writes nothing that is not known to be its own.
func TestFolderWithOtherFilesWillDo(t *testing.T) {
	dir := t.TempDir()
	others := []string{lockfile.Name, "notes.txt", ".settings.json.tmp-0"}
	for _, name := range others {
		if err := os.WriteFile(filepath.Join(dir, name), nil, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if state, err := Look(dir, short()); err != nil || state.Started {
		t.Errorf("before: %+v, %v", state, err)
	}
	if _, err := Run(t.Context(), short(), quiet(dir)); err != nil {
		t.Fatal(err)
	}
	known := slices.Concat(others, written, []string{SettingsFile})
	if left := slices.DeleteFunc(names(t, dir), func(name string) bool { return slices.Contains(known, name) }); len(left) > 0 {
		t.Errorf("a run wrote %q", left)
	}
	if state, err := Look(dir, short()); err != nil || !state.Done {
		t.Errorf("after: %+v, %v", state, err)
	}
}

// TestResumeSweeps: what killed processes have left in a run's folder goes when the run goes on.
func TestResumeSweeps(t *testing.T) {
	dir := t.TempDir()
	s := short()
	if _, err := Run(t.Context(), s, quiet(dir)); err != nil {
		t.Fatal(err)
	}
	old := time.Now().Add(-25 * time.Hour)
	left := []string{".settings.json.tmp-0a", "figures/.loss.png.tmp-1", "samples/.step-00000002.png.tmp-2", ".images.tmp-3"}
	for i, name := range left {
		left[i] = filepath.Join(dir, name)
		err := os.MkdirAll(filepath.Dir(left[i]), 0o755)
		if err == nil && i == len(left)-1 {
			err = os.Mkdir(left[i], 0o755)
		} else if err == nil {
			err = os.WriteFile(left[i], nil, 0o644)
		}
		if err := errors.Join(err, os.Chtimes(left[i], old, old)); err != nil {
			t.Fatal(err)
		}
	}
	o := quiet(dir)
	o.Resume, s.Steps = true, 3
	if _, err := Run(t.Context(), s, o); err != nil {
		t.Fatal(err)
	}
	for _, path := range left {
		if _, err := os.Stat(path); !os.IsNotExist(err) {
			t.Errorf("%s is there still", path)
		}
	}
}

// thief deletes the lock of a run in its first step.
type thief struct {
	silent
	dir string
}

func (c thief) Step(runlog.Step) { _ = os.Remove(filepath.Join(c.dir, lockfile.Name)) }

// TestRunWithoutItsLockEnds: another process may save there now, so this one does not.
func TestRunWithoutItsLockEnds(t *testing.T) {
	o := quiet(t.TempDir())
	o.Console = thief{dir: o.Dir}
	_, err := Run(t.Context(), short(), o)
	if err == nil || !strings.Contains(err.Error(), "was deleted or replaced") || strings.Contains(err.Error(), "\n") {
		t.Errorf("error %v", err)
	}
	if saved, err := checkpoint.Load(filepath.Join(o.Dir, train.CheckpointsFolder)); !errors.Is(err, checkpoint.ErrNone) {
		t.Errorf("saved %+v, %v", saved, err)
	}
	o.Console, o.Resume = silent{}, true
	if _, err := Run(t.Context(), short(), o); err != nil {
		t.Errorf("resumed: %v", err)
	}
}
