package atomicfile

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"
)

// TestMkdirAllFlushes: the names of all new folders are flushed, of the outermost first.
func TestMkdirAllFlushes(t *testing.T) {
	var flushed []string
	syncDir = func(dir string) error {
		flushed = append(flushed, dir)
		return SyncDir(dir)
	}
	defer func() { syncDir = SyncDir }()
	dir := t.TempDir()
	inner := filepath.Join(dir, "a", "b")
	for range 2 { // the second time there is nothing to do
		if err := MkdirAll(inner); err != nil {
			t.Fatal(err)
		}
	}
	if info, err := os.Stat(inner); err != nil || !info.IsDir() {
		t.Error(err)
	}
	if want := []string{dir, filepath.Join(dir, "a")}; !slices.Equal(flushed, want) {
		t.Errorf("flushed %q, want %q", flushed, want)
	}
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	for _, blocked := range []string{file, filepath.Join(file, "run")} {
		if err := MkdirAll(blocked); err == nil {
			t.Errorf("%s was made", blocked)
		}
	}
}

// TestSweep removes old temporary files, and nothing else.
func TestSweep(t *testing.T) {
	dir := t.TempDir()
	old := time.Now().Add(-25 * time.Hour)
	keep := []string{".a.json.tmp-new", ".a.json.tmp-", ".a.json.tmp-9_", ".tmp-0a", "a.json.tmp-0a", "a.json"}
	for _, name := range append([]string{".a.json.tmp-0a9z", ".a.tmp-1.tmp-2"}, keep...) {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, nil, 0o644); err != nil {
			t.Fatal(err)
		}
		if name != ".a.json.tmp-new" {
			if err := os.Chtimes(path, old, old); err != nil {
				t.Fatal(err)
			}
		}
	}
	folder := filepath.Join(dir, ".a.tmp-3")
	if err := os.Mkdir(folder, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Chtimes(folder, old, old); err != nil {
		t.Fatal(err)
	}
	Sweep(dir)
	want := slices.Sorted(slices.Values(append(keep, ".a.tmp-3")))
	if got := names(t, dir); !slices.Equal(got, want) {
		t.Errorf("left are %q, want %q", got, want)
	}
	Sweep(filepath.Join(dir, "missing"))
}
