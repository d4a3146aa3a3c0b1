//go:build unix

package grid

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/kafisto/kafisto/internal/disktest"
)

// TestPipesAreRefused: nobody waits for what a pipe will say.
func TestPipesAreRefused(t *testing.T) {
	dir := t.TempDir()
	disktest.Pipe(t, filepath.Join(dir, "mark.json"))
	mark := Mark{File: "mark.json", Check: func([]byte) error { return nil }}
	for _, err := range []error{Open(dir, mark), CheckFolder(dir, mark)} {
		if err == nil || !strings.Contains(err.Error(), "not a regular file") {
			t.Errorf("%v", err)
		}
	}
}
