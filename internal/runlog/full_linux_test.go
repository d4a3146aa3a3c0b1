package runlog

import (
	"path/filepath"
	"syscall"
	"testing"
)

// TestFullDisk lets the kernel refuse to write beyond 1,000 bytes of any file.
func TestFullDisk(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log.jsonl")
	w, err := OpenWriter(path, 0, 0)
	if err != nil {
		t.Fatal(err)
	}
	var old syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_FSIZE, &old); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &syscall.Rlimit{Cur: 1000, Max: old.Max}); err != nil {
		t.Fatal(err)
	}
	var failed error
	logged := int64(0)
	for failed == nil && logged < 100 {
		if failed = w.Append(Step{Step: logged + 1}); failed == nil {
			logged++
		}
	}
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &old); err != nil {
		t.Fatal(err)
	}
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
