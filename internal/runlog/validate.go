package runlog

import (
	"cmp"
	"errors"
	"fmt"
	"math"
)

// check says what no honest record of a training step holds.
func (r *Step) check() error {
	if r.Step < 1 {
		return fmt.Errorf("step is %d, steps are numbered from 1", r.Step)
	}
	return cmp.Or(
		finite(r.Step, "loss", r.Loss),
		finite(r.Step, "gradient_norm", r.GradientNorm),
		finite(r.Step, "learning_rate", r.LearningRate[:]...),
		finite(r.Step, "epoch", r.Epoch),
		finite(r.Step, "seconds", r.Seconds),
		r.Filter.check(r.Step),
		r.Critic.check(r.Step),
	)
}

// check allows nil, for tasks without a critic.
func (c *Critic) check(step int64) error {
	if c == nil {
		return nil
	}
	return cmp.Or(
		finite(step, "critic.loss", c.Loss),
		finite(step, "critic.wasserstein", c.Wasserstein),
		finite(step, "critic.slope", c.Slope),
		finite(step, "critic.gradient_norm", c.GradientNorm),
		finite(step, "critic.learning_rate", c.LearningRate[:]...),
		c.Filter.check(step),
	)
}

// check allows nil, for tasks without generated images.
func (g *GAN) check(step int64) error {
	if g == nil {
		return nil
	}
	if g.Generated < 1 {
		return fmt.Errorf("step %d: gan.generated is %d", step, g.Generated)
	}
	if g.Frechet != nil && !(*g.Frechet >= 0) {
		return fmt.Errorf("step %d: gan.frechet is %v, a distance is at least 0", step, *g.Frechet)
	}
	return cmp.Or(
		finite(step, "gan.wasserstein", g.Wasserstein),
		finite(step, "gan.frechet", deref(g.Frechet)),
	)
}

func deref(x *float64) float64 {
	if x == nil {
		return 0
	}
	return *x
}

// check allows nil, for optimizers without a filter.
func (f *Filter) check(step int64) error {
	if f == nil {
		return nil
	}
	if n := len(f.P); n != 1 && n != 3 {
		return fmt.Errorf("step %d: filter.P has %d numbers, want 1 or 3", step, n)
	}
	return cmp.Or(
		finite(step, "filter.R", f.R),
		finite(step, "filter.P", f.P...),
		finite(step, "filter.qx", f.Qx),
		finite(step, "filter.innovation", f.Innovation),
	)
}

// check says what no honest record of an evaluation holds.
func (r *Eval) check() error {
	if r.Step < 0 {
		return fmt.Errorf("step is %d", r.Step)
	}
	if r.Split == "" {
		return errors.New("an evaluation names no split")
	}
	return cmp.Or(
		finite(r.Step, "loss", r.Loss),
		finite(r.Step, "top1_error", r.Top1Error),
		finite(r.Step, "top5_error", r.Top5Error),
		finite(r.Step, "perplexity", r.Perplexity),
		finite(r.Step, "unigram_perplexity", r.UnigramPerplexity),
		finite(r.Step, "epoch", r.Epoch),
		finite(r.Step, "seconds", r.Seconds),
		r.GAN.check(r.Step),
	)
}

// check says what no honest record of a process's start holds.
func (r *Start) check() error {
	if r.Step < 0 {
		return fmt.Errorf("step is %d", r.Step)
	}
	if r.Retries < 0 {
		return fmt.Errorf("retries is %d", r.Retries)
	}
	if r.SaveEvery < 0 {
		return fmt.Errorf("save_every is %d", r.SaveEvery)
	}
	return nil
}

// check says what no honest record of a process's end holds.
func (r *End) check() error {
	if r.Step < 0 {
		return fmt.Errorf("step is %d", r.Step)
	}
	switch r.Status {
	case StatusFinished, StatusStopped, StatusDiverged, StatusRetried:
		return finite(r.Step, "seconds", r.Seconds)
	}
	return fmt.Errorf("status is %q, want %s, %s, %s or %s", r.Status, StatusFinished, StatusStopped, StatusDiverged, StatusRetried)
}

// finite refuses NaN and the infinities, which JSON cannot hold.
func finite(step int64, quantity string, values ...float64) error {
	for _, x := range values {
		if math.IsNaN(x) || math.IsInf(x, 0) {
			return fmt.Errorf("step %d: %s is %v, which is not finite", step, quantity, x)
		}
	}
	return nil
}
