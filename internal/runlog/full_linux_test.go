package runlog

import (
	"path/filepath"
	"testing"

	"github.com/kafisto/kafisto/internal/disktest"
)

// TestFullDisk lets the kernel refuse to write beyond 1,000 bytes of any file.
func TestFullDisk(t *testing.T) {
	if disktest.Alone(t) {
		return
	}
	path := filepath.Join(t.TempDir(), "log.jsonl")
	w, err := OpenWriter(path, 0, 0)
	if err != nil {
		t.Fatal(err)
	}
	restore := disktest.Limit(t, 1000)
	var failed error
	logged := int64(0)
	for failed == nil && logged < 100 {
		if failed = w.Append(Step{Step: logged + 1}); failed == nil {
			logged++
		}
	}
	restore()
	if failed == nil || logged == 0 {
		t.Fatalf("%d steps logged, error %v", logged, failed)
	}
	if err := w.Append(Step{Step: logged + 1}); err != nil { // there is room again
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	log, err := Read(path)
	if err != nil || int64(len(log.Steps)) != logged+1 || log.Torn {
		t.Errorf("log %+v, error %v, want %d whole steps", log, err, logged+1)
	}
}
