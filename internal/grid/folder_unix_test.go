//go:build unix

package grid

import (
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// TestPipesAreRefused: nobody waits for what a pipe will say.
func TestPipesAreRefused(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"mark.json"} {
		if err := syscall.Mkfifo(filepath.Join(dir, name), 0o644); err != nil {
			t.Skip(err)
		}
	}
	mark := Mark{File: "mark.json", Check: func([]byte) error { return nil }}
	for _, err := range []error{Open(dir, mark), CheckFolder(dir, mark)} {
		if err == nil || !strings.Contains(err.Error(), "not a regular file") {
			t.Errorf("%v", err)
		}
	}
}
