package atomicfile

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

// TestFullDisk lets the kernel refuse to write beyond 4 KiB of any file.
func TestFullDisk(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "f")
	if err := WriteBytes(path, []byte("old")); err != nil {
		t.Fatal(err)
	}
	var old syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_FSIZE, &old); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &syscall.Rlimit{Cur: 4096, Max: old.Max}); err != nil {
		t.Fatal(err)
	}
	err := WriteBytes(path, make([]byte, 10_000))
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &old); err != nil {
		t.Fatal(err)
	}
	if err == nil {
		t.Error("no error although the file did not fit")
	}
	if got, _ := os.ReadFile(path); string(got) != "old" {
		t.Errorf("file holds %d bytes, want the old content", len(got))
	}
	if got := names(t, dir); len(got) != 1 {
		t.Errorf("folder holds %v", got)
	}
}
