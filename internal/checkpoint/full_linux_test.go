package checkpoint

import (
	"strings"
	"testing"

	"github.com/kafisto/kafisto/internal/disktest"
)

// TestFullDisk lets the kernel refuse to write more than so many bytes of a file.
func TestFullDisk(t *testing.T) {
	if disktest.Alone(t) {
		return
	}
	dir := t.TempDir()
	save(t, dir, 1, 1)
	save(t, dir, 2, 2)
	before := files(t, dir)
	for _, limit := range []uint64{0, 10, 600} {
		restore := disktest.Limit(t, limit)
		_, saved := Save(dir, newStore(t, 3), Meta{Step: 3})
		exported := exportModel(dir+"/step-000000002", dir+"/out.safetensors")
		restore()
		if saved == nil || !strings.Contains(saved.Error(), "step 3 not saved") {
			t.Errorf("limit %d: saving: %v", limit, saved)
		}
		if limit < 100 && exported == nil {
			t.Errorf("limit %d: exported", limit)
		}
		if limit < 100 && !sameFiles(before, files(t, dir)) {
			t.Errorf("limit %d: the folder holds %s", limit, names(t, dir))
		}
	}
	save(t, dir, 3, 3)
}
