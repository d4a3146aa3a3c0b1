package imagegrid

import (
	"os"
	"path/filepath"
	"testing"
	"time"
)

// TestSweep removes old folders of images that were not completed, and nothing else.
func TestSweep(t *testing.T) {
	dir := t.TempDir()
	old := time.Now().Add(-25 * time.Hour)
	for name, inside := range map[string]string{
		".out.tmp-123": "00000.png", ".out.tmp-124": "notes.txt", "out.tmp-125": "00000.png", ".out.tmp-new": "00000.png",
	} {
		folder := filepath.Join(dir, name)
		if err := os.Mkdir(folder, 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(folder, inside), nil, 0o644); err != nil {
			t.Fatal(err)
		}
		if name != ".out.tmp-new" {
			if err := os.Chtimes(folder, old, old); err != nil {
				t.Fatal(err)
			}
		}
	}
	Sweep(dir)
	for name, want := range map[string]bool{".out.tmp-123": false, ".out.tmp-124": true, "out.tmp-125": true, ".out.tmp-new": true} {
		if _, err := os.Stat(filepath.Join(dir, name)); (err == nil) != want {
			t.Errorf("%s is there: %v", name, err == nil)
		}
	}
}
