//go:build unix

package inputfile

import (
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

func TestPipesAreRefused(t *testing.T) {
	path := filepath.Join(t.TempDir(), "pipe")
	if err := syscall.Mkfifo(path, 0o644); err != nil {
		t.Skip(err)
	}
	if _, err := Read(path, Small); err == nil || !strings.Contains(err.Error(), "pipe is not a regular file") {
		t.Errorf("%v", err)
	}
}
