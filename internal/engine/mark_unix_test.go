//go:build unix

package engine

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/kafisto/kafisto/internal/disktest"
)

// TestPipesAreRefused: nobody waits for what a pipe will say.
func TestPipesAreRefused(t *testing.T) {
	dir := t.TempDir()
	disktest.Pipe(t, filepath.Join(dir, "plugin.json"))
	if _, err := readMark(filepath.Join(dir, "plugin.so")); err == nil || !strings.Contains(err.Error(), "not a regular file") {
		t.Errorf("%v", err)
	}
}
