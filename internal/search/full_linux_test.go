package search

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/kafisto/kafisto/internal/disktest"
)

// TestFullDisk lets the kernel refuse to write beyond 100 bytes of any file: what
// was there stays, and nothing half is left.
func TestFullDisk(t *testing.T) {
	if disktest.Alone(t) {
		return
	}
	dir := t.TempDir()
	few, many := newSearch(t, plan(trials(2), "momentum=0..0.9")), newSearch(t, plan(trials(3), "momentum=0..0.9"))
	if err := few.Open(dir); err != nil {
		t.Fatal(err)
	}
	before := read(t, filepath.Join(dir, MarkFile))
	results, err := many.Results(dir, Best)
	if err != nil {
		t.Fatal(err)
	}
	restore := disktest.Limit(t, 100)
	grown, saved := many.Open(dir), results.Save(dir)
	restore()
	for name, err := range map[string]error{MarkFile: grown, ResultsFile: saved} {
		if !errors.Is(err, syscall.EFBIG) || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: %v", name, err)
		}
	}
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != 2 || read(t, filepath.Join(dir, MarkFile)) != before {
		t.Errorf("the folder holds %v, %v", entries, err)
	}
}
