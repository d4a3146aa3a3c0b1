//go:build unix

package job

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/kafisto/kafisto/internal/disktest"
)

// TestPipesAreRefused: nobody waits for what a pipe will say.
func TestPipesAreRefused(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{SettingsFile, AboutFile, FrechetFile} {
		disktest.Pipe(t, filepath.Join(dir, name))
	}
	_, settings := LoadSettings(dir)
	_, distances := LoadFrechet(dir)
	for _, err := range []error{settings, distances, readJSON(filepath.Join(dir, AboutFile), new(About))} {
		if err == nil || !strings.Contains(err.Error(), "not a regular file") {
			t.Errorf("%v", err)
		}
	}
}
