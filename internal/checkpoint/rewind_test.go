package checkpoint

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/kafisto/kafisto/internal/atomicfile"
)

// saveAs saves a checkpoint of the step, with that best one, for a stop or not.
func saveAs(t *testing.T, dir string, step, best int64, stop bool) {
	t.Helper()
	if _, err := Save(dir, newStore(t, uint64(step)), Meta{Step: step, BestStep: best, Stop: stop}); err != nil {
		t.Fatal(err)
	}
}

// TestStopsTakeNoPlace: checkpoints that stops leave push none out that a run that is
// left alone has.
func TestStopsTakeNoPlace(t *testing.T) {
	dir := t.TempDir()
	for _, step := range []int64{5, 10, 11, 12} {
		saveAs(t, dir, step, 0, step > 10)
	}
	if got := names(t, dir); got != "step-000000005 step-000000010 step-000000012" {
		t.Errorf("kept %s", got)
	}
	saveAs(t, dir, 15, 0, false)
	if got := names(t, dir); got != "step-000000010 step-000000015" {
		t.Errorf("kept %s", got)
	}
}

// TestBestOfEachIsKept: who falls back to the checkpoint before finds its best one.
func TestBestOfEachIsKept(t *testing.T) {
	dir := t.TempDir()
	for _, s := range [][2]int64{{3, 3}, {5, 3}, {10, 3}, {12, 12}} {
		saveAs(t, dir, s[0], s[1], false)
	}
	if got := names(t, dir); got != "step-000000003 step-000000010 step-000000012" {
		t.Errorf("kept %s", got)
	}
	if err := os.Truncate(filepath.Join(dir, "step-000000012", VariablesFile), 9); err != nil {
		t.Fatal(err)
	}
	if c, err := LoadBest(dir); err != nil || c.Manifest.Step != 3 || len(c.Skipped) != 1 {
		t.Errorf("the best is %+v, %v", c, err)
	}
}

func TestRewind(t *testing.T) {
	dir := t.TempDir()
	for _, step := range []int64{5, 10, 11} {
		saveAs(t, dir, step, 0, step == 11)
	}
	for _, c := range []struct {
		before, step int64
		left         string
	}{{11, 10, "step-000000005 step-000000010"}, {10, 5, "step-000000005"}} {
		if step, err := Rewind(dir, c.before); err != nil || step != c.step || names(t, dir) != c.left {
			t.Errorf("before %d: step %d, %v; left %s", c.before, step, err, names(t, dir))
		}
	}
	if _, err := Rewind(dir, 5); !errors.Is(err, ErrNone) || names(t, dir) != "step-000000005" {
		t.Errorf("before all: %v; left %s", err, names(t, dir))
	}
}

// TestRewindToTheStart: where nothing but stops was saved, the start is the place to
// go back to; a damaged checkpoint is not for a stop, as nobody knows.
func TestRewindToTheStart(t *testing.T) {
	dir := t.TempDir()
	if _, err := Rewind(dir, 0); !errors.Is(err, ErrNone) {
		t.Errorf("before the start: %v", err)
	}
	saveAs(t, dir, 2, 0, true)
	mine := filepath.Join(dir, "step-000000002", "notes.txt")
	if err := os.WriteFile(mine, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := Rewind(dir, 4); err == nil {
		t.Error("a folder with something else was deleted")
	}
	if err := os.Remove(mine); err != nil {
		t.Fatal(err)
	}
	if step, err := Rewind(dir, 4); err != nil || step != 0 || names(t, dir) != "" {
		t.Errorf("step %d, %v; left %s", step, err, names(t, dir))
	}
	saveAs(t, dir, 2, 0, true)
	if err := os.Truncate(filepath.Join(dir, "step-000000002", VariablesFile), 9); err != nil {
		t.Fatal(err)
	}
	if _, err := Rewind(dir, 4); !errors.Is(err, ErrNone) || names(t, dir) != "step-000000002" {
		t.Errorf("with a damaged one: %v; left %s", err, names(t, dir))
	}
}

// TestNewFolderIsFlushed: the first checkpoint outlives a power cut only if the name
// of the folder of all does.
func TestNewFolderIsFlushed(t *testing.T) {
	var flushed []string
	syncDir = func(dir string) error {
		flushed = append(flushed, dir)
		return atomicfile.SyncDir(dir)
	}
	defer func() { syncDir = atomicfile.SyncDir }()
	run := t.TempDir()
	save(t, filepath.Join(run, "checkpoints"), 1, 1)
	if !slices.Contains(flushed, run) {
		t.Errorf("flushed %v, not %s", flushed, run)
	}
}
