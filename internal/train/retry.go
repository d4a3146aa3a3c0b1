package train

import (
	"fmt"
	"math"
	"path/filepath"
	"strings"

	"github.com/kafisto/kafisto/internal/checkpoint"
)

// Retry says what a run does when it diverges: it goes back to its newest checkpoint
// that it would have without stops too, or to the start where there is none yet, and
// goes on with smaller learning rates. The number of retries so far is that in the log,
// so that a resumed run does what an uninterrupted one does.
//
// Where the first step after that checkpoint diverges, its parameters are lost: no
// learning rate has touched them yet. The run goes back to the one before, and ends
// where none is kept.
type Retry struct {
	// Times is how often at most in a whole run; 0 is never.
	Times int
	// Factor multiplies the learning rates once more with each retry, above 0 and
	// below 1.
	Factor float64
	// Slower makes the optimizer with learning rates times a factor.
	Slower func(factor float64) (Optimizer, error)
}

// goBack goes back after an error with which the run diverged, if it may, and tells
// whether. What stands in the log after it is for the next attempt to take out.
func (r *run) goBack(diverged error) bool {
	if r.Retries >= r.Retry.Times {
		return false
	}
	to, err := checkpoint.Rewind(filepath.Join(r.Dir, CheckpointsFolder), r.step)
	if err != nil {
		r.Console.Message(fmt.Sprintf("there is nothing to go back to: %v", err))
		return false
	}
	r.Console.Message(r.retrying(diverged, to))
	return true
}

// factor is what learning rates are multiplied by after so many retries.
func (r *run) factor(retries int) float64 { return math.Pow(r.Retry.Factor, float64(retries)) }

// slower is the optimizer of a run after its retries so far.
func (r *run) slower() (Optimizer, error) {
	if r.Retries == 0 {
		return r.Optimizer, nil
	}
	if r.Retry.Slower == nil {
		return Optimizer{}, fmt.Errorf("train: the run in %s has gone back after divergence %d times: resume it with the settings it was made with", r.Dir, r.Retries)
	}
	o, err := r.Retry.Slower(r.factor(r.Retries))
	if err != nil {
		return Optimizer{}, fmt.Errorf("train: the optimizer of retry %d: %w", r.Retries, err)
	}
	return o, nil
}

// retrying says what comes after an error after which the run goes back to a step.
func (r *run) retrying(err error, step int64) string {
	to := "the start"
	if step > 0 {
		to = fmt.Sprintf("step %d", step)
	}
	what := strings.TrimSuffix(strings.TrimPrefix(err.Error(), "train: "), divergedAdvice)
	return fmt.Sprintf("%s: going back to %s with %.4g of the learning rate (retry %d of %d)",
		what, to, r.factor(r.Retries+1), r.Retries+1, r.Retry.Times)
}
