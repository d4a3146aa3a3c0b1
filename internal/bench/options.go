package bench

import (
	"fmt"
	"slices"
	"strings"

	"github.com/kafisto/kafisto/internal/job"
)

// Options say how a round is measured.
type Options struct {
	// Batch is the minibatch's size; 0 takes the case's own.
	Batch int
	// Warmup steps, at least 1, come before those that are timed. The first
	// compiles.
	Warmup int
	// Steps are timed, at least 1.
	Steps int
	// Pairs of optimizer steps are timed by filter-cost, at least 1.
	Pairs int
	// Optimizer trains in whole training steps, as job.OptimizerNames lists them.
	Optimizer string
	// DataDir is a folder with CIFAR-10's files for the data pipeline; made-up
	// images are used where it is empty.
	DataDir string
}

// most is the largest value of every setting that counts something.
const most = 1_000_000

// Check returns an error that names the first setting that cannot be.
func (o Options) Check() error {
	for _, s := range []struct {
		name       string
		value, min int
	}{{"batch", o.Batch, 0}, {"warmup", o.Warmup, 1}, {"steps", o.Steps, 1}, {"pairs", o.Pairs, 1}} {
		if s.value < s.min || s.value > most {
			return fmt.Errorf("bench: %s is %d: it must be between %d and %d", s.name, s.value, s.min, most)
		}
	}
	if !slices.Contains(job.OptimizerNames(), o.Optimizer) {
		return fmt.Errorf("bench: unknown optimizer %q: use one of %s", o.Optimizer, strings.Join(job.OptimizerNames(), ", "))
	}
	return nil
}
