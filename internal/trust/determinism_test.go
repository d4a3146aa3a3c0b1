//go:build unix

package trust

import (
	"path/filepath"
	"testing"
)

// TestRunsRepeat repeats runs, which must leave the same bytes.
func TestRunsRepeat(t *testing.T) {
	runs := amount(2, 10)
	const total = 60
	engines(t, func(t *testing.T, engine string) {
		for _, k := range tasks {
			if !full && (engine != "go" || k.name == "GAN") {
				continue // TestStoppedRunsAreExact compares two runs of them as well
			}
			t.Run(k.name, func(t *testing.T) {
				t.Parallel()
				first := ""
				for range runs {
					dir := filepath.Join(t.TempDir(), "run")
					succeed(t, training(engine, "kafisto", k, dir, steps(total), "--eval-every=25")...)
					if first == "" {
						first = dir
					}
					same(t, first, dir, total)
				}
			})
		}
	})
}
