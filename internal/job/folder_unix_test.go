//go:build unix

package job

import (
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// TestPipesAreRefused: nobody waits for what a pipe will say.
func TestPipesAreRefused(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{SettingsFile, AboutFile, FrechetFile} {
		if err := syscall.Mkfifo(filepath.Join(dir, name), 0o644); err != nil {
			t.Skip(err)
		}
	}
	_, settings := LoadSettings(dir)
	_, distances := LoadFrechet(dir)
	for _, err := range []error{settings, distances, readJSON(filepath.Join(dir, AboutFile), new(About))} {
		if err == nil || !strings.Contains(err.Error(), "not a regular file") {
			t.Errorf("%v", err)
		}
	}
}
