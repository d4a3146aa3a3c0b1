package checkpoint

import (
	"fmt"
	"io"
	"path"
	"strconv"

	"github.com/kafisto/kafisto/internal/atomicfile"
	"github.com/kafisto/kafisto/internal/checkpoint/safetensors"
)

// ModelOf selects a model's variables for [Export], without the state of the
// optimizer and of the run: the trained parameters, and what lies beside one, as
// running statistics of normalisation layers do.
func ModelOf(m Manifest) func(Variable) bool {
	scope := func(v Variable) string { return path.Dir(v.Path) }
	trained := map[string]bool{}
	for _, v := range m.Variables {
		trained[scope(v)] = trained[scope(v)] || v.Trainable && scope(v) != "/"
	}
	return func(v Variable) bool { return v.Trainable || trained[scope(v)] }
}

// Export writes those variables of a checkpoint that include selects to the
// safetensors file out, each under its path; the file's metadata has the step and
// the program. A damaged checkpoint and a selection without variables are errors;
// then out is not written.
func (c *Checkpoint) Export(out string, include func(Variable) bool) error {
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
		return fmt.Errorf("checkpoint: no variable of %s is selected for export", c.Path)
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
