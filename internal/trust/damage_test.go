//go:build unix

package trust

import (
	"bytes"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/kafisto/kafisto/internal/checkpoint"
	"github.com/kafisto/kafisto/internal/train"
)

// TestDamagedCheckpoints flips bits in, and cuts, the files of a run's newest
// checkpoint: each time it is refused, the file is named and the one before is used.
func TestDamagedCheckpoints(t *testing.T) {
	t.Parallel()
	tries := amount(150, 1000)
	rng := rand.New(rand.NewPCG(8, 4))
	whole, dir := filepath.Join(t.TempDir(), "whole"), filepath.Join(t.TempDir(), "run")
	succeed(t, training("go", "sgd", language, dir, steps(8), "--save-every=4")...)
	after := newest(t, dir)
	files := []string{checkpoint.VariablesFile, checkpoint.ManifestFile, checkpoint.SumFile}
	for try := range tries {
		name := files[try%len(files)]
		path := filepath.Join(after.Path, name)
		content, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		damaged := bytes.Clone(content)
		if try%5 == 0 {
			damaged = damaged[:rng.IntN(len(damaged))]
		} else {
			damaged[rng.IntN(len(damaged))] ^= 1 << rng.IntN(8)
		}
		write(t, path, damaged)
		c := newest(t, dir)
		if c.Manifest.Step != 4 || len(c.Skipped) != 1 {
			t.Fatalf("damage %d of %s: step %d is used, skipped %v", try, name, c.Manifest.Step, c.Skipped)
		}
		if said := c.Skipped[0].Error(); !strings.Contains(said, after.Path) || !strings.Contains(said, strings.TrimSuffix(name, filepath.Ext(name))) {
			t.Fatalf("damage %d of %s: said %q", try, name, said)
		}
		write(t, path, content)
	}
	cut := filepath.Join(after.Path, checkpoint.VariablesFile)
	if err := os.Truncate(cut, 1000); err != nil {
		t.Fatal(err)
	}
	if said := succeed(t, resuming(dir, steps(10))...); !strings.Contains(said, "passed over a damaged checkpoint") || !strings.Contains(said, checkpoint.VariablesFile) {
		t.Errorf("resuming said %q", said)
	}
	succeed(t, training("go", "sgd", language, whole, steps(10), "--save-every=4")...)
	same(t, whole, dir, 10)
	if info, err := os.Stat(cut); err != nil || info.Size() != 1000 {
		t.Errorf("the damaged file was touched: %v", err)
	}
	if dirs, _ := filepath.Glob(filepath.Join(dir, train.CheckpointsFolder, "step-*")); len(dirs) < 3 {
		t.Errorf("checkpoints left: %v", dirs)
	}
}

func write(t *testing.T, path string, content []byte) {
	t.Helper()
	if err := os.WriteFile(path, content, 0o644); err != nil {
		t.Fatal(err)
	}
}
