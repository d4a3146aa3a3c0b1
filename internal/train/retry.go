package train

import (
	"errors"
	"fmt"
	"math"
	"strings"
)

// Retry says what a run does when it diverges: it goes back to its newest
// checkpoint, or to the start where there is none yet, and goes on with smaller
// learning rates. The number of retries so far belongs to the checkpoints, so that a
// resumed run does what an uninterrupted one does; the log has it at each start.
type Retry struct {
	// Times is how often at most in a whole run; 0 is never.
	Times int
	// Factor multiplies the learning rates once more with each retry, above 0 and
	// below 1.
	Factor float64
	// Slower makes the optimizer with learning rates times a factor.
	Slower func(factor float64) (Optimizer, error)
}

// again tells whether a run that ended with err goes back to go on.
func (r *run) again(err error) bool {
	return errors.Is(err, ErrDiverged) && r.Retries < r.Retry.Times
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

// retrying says what comes after an error after which the run goes back.
func (r *run) retrying(err error) string {
	to := "the start"
	if r.saved > 0 {
		to = fmt.Sprintf("step %d", r.saved)
	}
	what := strings.TrimSuffix(strings.TrimPrefix(err.Error(), "train: "), divergedAdvice)
	return fmt.Sprintf("%s: going back to %s with %.4g of the learning rate (retry %d of %d)",
		what, to, r.factor(r.Retries+1), r.Retries+1, r.Retry.Times)
}
