package job

import "github.com/kafisto/kafisto/internal/checkpoint"

// Exported says what Export has written.
type Exported struct {
	Checkpoint string // its folder
	Step       int64
}

// Export writes what a run has saved to a safetensors file: the network's variables,
// or with everything all of the checkpoint's. An existing file is replaced once the
// new one is whole.
func Export(v Saved, out string, everything bool) (Exported, error) {
	var done Exported
	err := v.use(func(c *checkpoint.Checkpoint) error {
		done = Exported{c.Path, c.Manifest.Step}
		include := checkpoint.ModelOf(c.Manifest)
		if everything {
			include = func(checkpoint.Variable) bool { return true }
		}
		return c.Export(out, include)
	})
	return done, err
}
