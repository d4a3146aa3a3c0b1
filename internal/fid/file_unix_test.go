//go:build unix

package fid

import (
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// TestPipesAreRefused: nobody waits for what a pipe will say.
func TestPipesAreRefused(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"a.fid"} {
		if err := syscall.Mkfifo(filepath.Join(dir, name), 0o644); err != nil {
			t.Skip(err)
		}
	}
	if _, err := Load(filepath.Join(dir, "a.fid")); err == nil || !strings.Contains(err.Error(), "not a regular file") {
		t.Errorf("%v", err)
	}
}
