//go:build unix

package inputfile

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/kafisto/kafisto/internal/disktest"
)

func TestPipesAreRefused(t *testing.T) {
	path := filepath.Join(t.TempDir(), "pipe")
	disktest.Pipe(t, path)
	if _, err := Read(path, Small); err == nil || !strings.Contains(err.Error(), "pipe is not a regular file") {
		t.Errorf("%v", err)
	}
}
