//go:build unix

package trust

import (
	"encoding/binary"
	"io"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/kafisto/kafisto/internal/checkpoint"
	"github.com/kafisto/kafisto/internal/checkpoint/safetensors"
	"github.com/kafisto/kafisto/internal/train"
)

// named is a sentence that names the step and a variable.
var named = regexp.MustCompile(`diverged at step \d+: .*variable /`)

// TestDivergedRunsSaveNothing trains with learning rates that cannot be, saving after
// every step: what is kept is finite, and the sentence names step and variable.
func TestDivergedRunsSaveNothing(t *testing.T) {
	engines(t, func(t *testing.T, engine string) {
		for _, k := range tasks {
			optimizers := all
			if !full {
				optimizers = k.short
			}
			if !full && engine != "go" {
				continue // XLA compiles for seconds
			}
			for _, optimizer := range optimizers {
				t.Run(k.name+" "+optimizer, func(t *testing.T) {
					t.Parallel()
					dir := filepath.Join(t.TempDir(), "run")
					p := start(t, training(engine, optimizer, k, dir, steps(40), "--save-every=1", "--eval-every=2", "--learning-rate=1e25")...)
					if code := p.code(t); code != divergedCode || !named.MatchString(p.output.String()) {
						t.Errorf("exit code %d, said %q", code, p.output)
					}
					folders, err := filepath.Glob(filepath.Join(dir, train.CheckpointsFolder, "*"))
					if err != nil {
						t.Fatal(err)
					}
					for _, folder := range folders {
						finite(t, filepath.Join(folder, checkpoint.VariablesFile))
					}
				})
			}
		}
	})
}

// finite checks every float32 of a file.
func finite(t *testing.T, path string) {
	t.Helper()
	file, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		t.Fatal(err)
	}
	header, err := safetensors.ReadHeader(file, info.Size())
	if err != nil {
		t.Fatal(err)
	}
	checked := 0
	for _, tensor := range header.Tensors {
		values := make([]byte, tensor.End-tensor.Begin)
		if _, err := io.ReadFull(file, values); err != nil {
			t.Fatal(err)
		}
		for ; tensor.DType == safetensors.F32 && len(values) > 0; values = values[4:] {
			if v := float64(math.Float32frombits(binary.LittleEndian.Uint32(values))); math.IsNaN(v) || math.IsInf(v, 0) {
				t.Fatalf("%s: %s holds %v", path, tensor.Name, v)
			}
			checked++
		}
	}
	if checked == 0 {
		t.Errorf("%s holds no numbers", path)
	}
}
