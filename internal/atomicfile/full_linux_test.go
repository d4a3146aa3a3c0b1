package atomicfile

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/kafisto/kafisto/internal/disktest"
)

// TestFullDisk lets the kernel refuse to write beyond 4 KiB of any file.
func TestFullDisk(t *testing.T) {
	if disktest.Alone(t) {
		return
	}
	dir := t.TempDir()
	path := filepath.Join(dir, "f")
	if err := WriteBytes(path, []byte("old")); err != nil {
		t.Fatal(err)
	}
	restore := disktest.Limit(t, 4096)
	err := WriteBytes(path, make([]byte, 10_000))
	restore()
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
