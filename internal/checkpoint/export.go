package checkpoint

import (
	"fmt"
	"io"
	"strconv"

	"github.com/kafisto/kafisto/internal/atomicfile"
	"github.com/kafisto/kafisto/internal/checkpoint/safetensors"
)

// Trainable selects the trained parameters, for [Export].
func Trainable(v Variable) bool { return v.Trainable }

// Export writes those variables of the checkpoint folder at path that include
// selects to the safetensors file out, each under its path; the file's metadata
// has the step and the program. [Trainable] leaves out the running statistics of
// normalisation layers, which have to be selected by path where there are any.
// A damaged checkpoint and a selection without variables are errors; then out is
// not written.
func Export(path, out string, include func(Variable) bool) error {
	c, err := Open(path)
	if err != nil {
		return err
	}
	selected := map[string]bool{}
	for _, v := range c.Manifest.Variables {
		selected[v.Path] = include(v)
	}
	var tensors []safetensors.Tensor
	for _, t := range c.layout {
		if selected[t.Name] {
			tensors = append(tensors, t)
		}
	}
	if len(tensors) == 0 {
		return fmt.Errorf("checkpoint: no variable of %s is selected for export", path)
	}
	if err := safetensors.Pack(tensors); err != nil {
		return fmt.Errorf("checkpoint: %w", err)
	}
	metadata := map[string]string{"step": strconv.FormatInt(c.Manifest.Step, 10), "program": c.Manifest.Program}
	return atomicfile.Write(out, func(w io.Writer) error {
		if err := safetensors.WriteHeader(w, tensors, metadata); err != nil {
			return err
		}
		return c.stream(func(v *Variable, values io.Reader) error {
			to := w
			if !selected[v.Path] {
				to = io.Discard
			}
			_, err := io.Copy(to, values)
			return err
		})
	})
}
