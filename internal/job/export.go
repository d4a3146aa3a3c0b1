package job

import (
	"fmt"

	"github.com/kafisto/kafisto/internal/checkpoint"
)

// Exported says what Export has written.
type Exported struct {
	Checkpoint string // its folder
	Step       int64
}

// Export writes what a run has saved to a safetensors file: the network's variables,
// or with everything all of the checkpoint's. An existing file is replaced once the
// new one is whole.
func Export(v Saved, out string, everything bool) (Exported, error) {
	c, err := v.load()
	if err != nil {
		return Exported{}, fmt.Errorf("job: %w", err)
	}
	include := checkpoint.ModelOf(c.Manifest)
	if everything {
		include = func(checkpoint.Variable) bool { return true }
	}
	if err := c.Export(out, include); err != nil {
		return Exported{}, fmt.Errorf("job: %w", err)
	}
	return Exported{c.Path, c.Manifest.Step}, nil
}
