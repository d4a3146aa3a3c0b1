package checkpoint

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestLastTwoAndBestAreKept(t *testing.T) {
	dir := t.TempDir()
	for step := int64(1); step <= 7; step++ {
		meta := Meta{Step: step}
		if step >= 3 {
			meta.BestStep = 3
		}
		if _, err := Save(dir, newStore(t, uint64(step)), meta); err != nil {
			t.Fatal(err)
		}
	}
	if got := names(t, dir); got != "step-000000003 step-000000006 step-000000007" {
		t.Errorf("kept %s", got)
	}
}

func TestPruningSparesWhatIsNotOurs(t *testing.T) {
	dir := t.TempDir()
	damaged, noted := save(t, dir, 1, 1), save(t, dir, 2, 2)
	copied := filepath.Join(dir, "step-000000000 copy")
	if err := os.CopyFS(copied, os.DirFS(noted)); err != nil {
		t.Fatal(err)
	}
	renamed := filepath.Join(dir, "step-000000000") // its manifest says 2
	if err := os.CopyFS(renamed, os.DirFS(noted)); err != nil {
		t.Fatal(err)
	}
	write := func(path string) {
		if err := os.WriteFile(path, []byte("mine"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	write(filepath.Join(damaged, SumFile))
	write(filepath.Join(noted, "notes.txt"))
	write(filepath.Join(dir, "step-000000001.txt"))
	foreign, stale := filepath.Join(dir, ".staging-mine"), filepath.Join(dir, ".staging-new-abc")
	for _, d := range []string{foreign, stale, stale + "d"} {
		if err := os.Mkdir(d, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	write(filepath.Join(stale, VariablesFile))
	write(filepath.Join(stale+"d", "notes.txt"))
	before := files(t, dir)
	for step := int64(3); step <= 6; step++ {
		save(t, dir, step, 1)
	}
	after := files(t, dir)
	delete(before, filepath.Join(stale, VariablesFile))
	for path, content := range before {
		if string(after[path]) != string(content) {
			t.Errorf("%s is gone or changed", path)
		}
	}
	if _, err := os.Stat(stale); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("stale staging folder: %v", err)
	}
	if got := names(t, dir); strings.Contains(got, "step-000000003") || strings.Contains(got, "step-000000004") {
		t.Errorf("kept %s", got)
	}
}

// TestDamagedTakeNoPlaceAndStay flips bits in the values of saved checkpoints,
// which their manifests do not tell.
func TestDamagedTakeNoPlaceAndStay(t *testing.T) {
	dir := t.TempDir()
	save(t, dir, 1, 1)
	damaged := save(t, dir, 2, 2)
	path := filepath.Join(damaged, VariablesFile)
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	whole[len(whole)-1] ^= 1
	if err := os.WriteFile(path, whole, 0o644); err != nil {
		t.Fatal(err)
	}
	if c, _ := load(t, dir); filepath.Base(c.Path) != "step-000000001" || len(c.Skipped) != 1 {
		t.Fatalf("loaded %s, skipped %v", c.Path, c.Skipped)
	}
	save(t, dir, 3, 3)
	if got := names(t, dir); got != "step-000000001 step-000000002 step-000000003" {
		t.Errorf("kept %s, want the good one, the damaged one and the new one", got)
	}
	save(t, dir, 4, 4)
	save(t, dir, 5, 5)
	if got := names(t, dir); got != "step-000000002 step-000000004 step-000000005" {
		t.Errorf("kept %s, want the damaged one and the last two", got)
	}
}

func TestSameStepAgain(t *testing.T) {
	dir := t.TempDir()
	first := save(t, dir, 5, 1)
	before := files(t, dir)
	if again := save(t, dir, 5, 1); again != first || !sameFiles(before, files(t, dir)) {
		t.Errorf("the same checkpoint again: %s, folder %s", again, names(t, dir))
	}
	second := save(t, dir, 5, 2)
	if filepath.Base(second) != "step-000000005-2" {
		t.Errorf("another one of the same step: %s", second)
	}
	if c, store := load(t, dir); c.Path != second || dump(t, store) != dump(t, newStore(t, 2)) {
		t.Errorf("loaded %s, want the newer one", c.Path)
	}
	if err := os.WriteFile(filepath.Join(second, ManifestFile), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	third := save(t, dir, 5, 2)
	if filepath.Base(third) != "step-000000005-3" {
		t.Errorf("beside a damaged one: %s", third)
	}
	save(t, dir, 6, 1)
	if got := names(t, dir); got != "step-000000005-2 step-000000005-3 step-000000006" {
		t.Errorf("kept %s", got)
	}
}

func TestNoneAndAllDamaged(t *testing.T) {
	dir := t.TempDir()
	if _, err := Load(filepath.Join(dir, "missing")); !errors.Is(err, ErrNone) {
		t.Errorf("missing folder: %v", err)
	}
	if _, err := Load(dir); !errors.Is(err, ErrNone) {
		t.Errorf("empty folder: %v", err)
	}
	path := save(t, dir, 1, 1)
	if err := os.Remove(filepath.Join(path, VariablesFile)); err != nil {
		t.Fatal(err)
	}
	_, err := Load(dir)
	if !errors.Is(err, ErrDamaged) || !strings.Contains(err.Error(), VariablesFile) || !strings.Contains(err.Error(), path) {
		t.Errorf("damaged: %v", err)
	}
}

// TestRenamedCheckpoint gives a checkpoint the name of a later step.
func TestRenamedCheckpoint(t *testing.T) {
	dir := t.TempDir()
	first, second := save(t, dir, 1, 1), save(t, dir, 2, 2)
	if err := os.Rename(second, filepath.Join(dir, "step-000000009")); err != nil {
		t.Fatal(err)
	}
	c, _ := load(t, dir)
	if c.Path != first || len(c.Skipped) != 1 || !strings.Contains(c.Skipped[0].Error(), "step-000000009 is of step 2") {
		t.Errorf("loaded %s, skipped %v", c.Path, c.Skipped)
	}
}
