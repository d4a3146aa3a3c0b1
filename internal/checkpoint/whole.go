package checkpoint

import (
	"os"
	"path/filepath"
	"sync"
	"time"
)

// verdicts has what this process knows of checkpoints that it has saved or read,
// by path, so that pruning need not read them all again at every save.
var verdicts sync.Map // of path to verdict

// verdict tells whether a checkpoint's variables are whole, as long as nobody
// has written to them since.
type verdict struct {
	size     int64
	modified time.Time
	whole    bool
}

// note remembers whether the checkpoint folder at path is whole.
func note(path string, whole bool) {
	if info, err := os.Lstat(filepath.Join(path, VariablesFile)); err == nil {
		verdicts.Store(path, verdict{info.Size(), info.ModTime(), whole})
	}
}

// whole is the manifest of the checkpoint of the step that lies at path, nil where
// none does that is whole.
func whole(path string, step int64) *Manifest {
	m, err := readManifest(path)
	if err != nil || m.Step != step || !isWhole(path) {
		return nil
	}
	return m
}

func isWhole(path string) bool {
	info, err := os.Lstat(filepath.Join(path, VariablesFile))
	if err != nil {
		return false
	}
	if found, ok := verdicts.Load(path); ok {
		if known := found.(verdict); known.size == info.Size() && known.modified.Equal(info.ModTime()) {
			return known.whole
		}
	}
	_, err = Open(path)
	note(path, err == nil)
	return err == nil
}
