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

// isWhole tells whether a whole checkpoint of the step lies at path.
func isWhole(path string, step int64) bool {
	m, err := readManifest(path)
	if err != nil || m.Step != step {
		return false
	}
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
