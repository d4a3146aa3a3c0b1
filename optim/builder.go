package optim

import (
	"fmt"
	"math"
	"strings"

	"github.com/gomlx/gomlx/ml/model"

	"github.com/kafisto/kafisto/schedule"
)

// Builder collects an optimizer's settings; SGD, Adam and AdamW make one with
// PyTorch's defaults. Nothing is checked before Done.
type Builder struct {
	settings Settings
	rate     schedule.Schedule
	excluded func(v *model.Variable) bool
	included func(v *model.Variable) bool
	misused  []string // settings that the algorithm does not have
	clips    bool
}

// SGD is stochastic gradient descent as torch.optim.SGD: learning rate 1e-3,
// no momentum, no weight decay, unless told otherwise. Weight decay w adds w*x
// to the gradient; momentum m keeps buffer <- m*buffer + gradient and steps
// along the buffer, or with Nesterov along gradient + m*buffer.
func SGD() *Builder {
	return newBuilder(Settings{Algorithm: NameSGD, Scope: "sgd"})
}

// Adam is torch.optim.Adam (Kingma and Ba, 2015): learning rate 1e-3, betas
// 0.9 and 0.999, epsilon 1e-8, no weight decay, unless told otherwise. Weight
// decay w adds w*x to the gradient.
func Adam() *Builder {
	return newBuilder(Settings{Algorithm: NameAdam, Scope: "adam", Beta1: 0.9, Beta2: 0.999, Epsilon: 1e-8})
}

// AdamW is torch.optim.AdamW (Loshchilov and Hutter, 2019): Adam with a weight
// decay of 1e-2 that is decoupled: the parameters shrink by the factor
// 1 - learning rate * decay before the step.
func AdamW() *Builder {
	return newBuilder(Settings{Algorithm: NameAdamW, Scope: "adamw", Beta1: 0.9, Beta2: 0.999, Epsilon: 1e-8,
		WeightDecay: 1e-2, DecoupledDecay: true})
}

func newBuilder(settings Settings) *Builder {
	return &Builder{settings: settings, rate: schedule.Constant(1e-3)}
}

// LearningRate sets a constant learning rate, at least 0. It replaces an
// earlier schedule.
func (b *Builder) LearningRate(rate float64) *Builder {
	return b.LearningRateSchedule(schedule.Constant(rate))
}

// LearningRateSchedule sets the learning rate of every step, counted from 0 by
// the optimizer's own counter, which is saved with its state. It replaces an
// earlier learning rate.
func (b *Builder) LearningRateSchedule(rate schedule.Schedule) *Builder {
	b.rate = rate
	return b
}

// Momentum sets SGD's momentum, at least 0; 0, the default, means none.
func (b *Builder) Momentum(momentum float64) *Builder {
	b.settings.Momentum = momentum
	return b.only("momentum", NameSGD)
}

// Nesterov switches SGD to Nesterov's momentum; it needs a momentum above 0.
// Default off.
func (b *Builder) Nesterov(on bool) *Builder {
	b.settings.Nesterov = on
	return b.only("nesterov", NameSGD)
}

// WeightDecay sets the weight decay, at least 0; 0 means none. SGD and Adam
// add it to the gradient (default 0), AdamW shrinks the parameters (default
// 1e-2).
func (b *Builder) WeightDecay(decay float64) *Builder {
	b.settings.WeightDecay = decay
	return b
}

// ExcludeFromDecay leaves the variables for which excluded is true without
// weight decay; BiasesAndNorms is the usual choice. Default: none, as in
// PyTorch.
func (b *Builder) ExcludeFromDecay(excluded func(v *model.Variable) bool) *Builder {
	b.excluded = excluded
	return b
}

// BiasesAndNorms is true for variables of rank below 2: biases and the scales
// and offsets of normalisation layers.
func BiasesAndNorms(v *model.Variable) bool { return v.Shape().Rank() < 2 }

// Betas sets Adam's factors of the moving averages of the gradient and of its
// square, each at least 0 and below 1. Default 0.9 and 0.999.
func (b *Builder) Betas(beta1, beta2 float64) *Builder {
	b.settings.Beta1, b.settings.Beta2 = beta1, beta2
	return b.only("betas", NameAdam, NameAdamW)
}

// Epsilon sets the number that Adam adds to the root of the second moment, at
// least 0. Default 1e-8.
func (b *Builder) Epsilon(epsilon float64) *Builder {
	b.settings.Epsilon = epsilon
	return b.only("epsilon", NameAdam, NameAdamW)
}

// ClipGradientNorm scales all gradients down together where their global norm
// is above largest, as torch.nn.utils.clip_grad_norm_ does; largest must be
// above 0. Default: no clipping.
func (b *Builder) ClipGradientNorm(largest float64) *Builder {
	b.settings.ClipNorm, b.clips = largest, true
	return b
}

// Only restricts the optimizer to the trainable variables for which the function is
// true: one of two networks in a store, say. Default: all.
func (b *Builder) Only(include func(*model.Variable) bool) *Builder {
	b.included = include
	return b
}

// Scope names the optimizer's state, which is stored under "optim/<name>".
// Default "sgd", "adam" or "adamw". Two optimizers that update in one graph
// need different names.
func (b *Builder) Scope(name string) *Builder {
	b.settings.Scope = name
	return b
}

func (b *Builder) only(setting string, algorithms ...string) *Builder {
	for _, a := range algorithms {
		if b.settings.Algorithm == a {
			return b
		}
	}
	b.misused = append(b.misused, setting)
	return b
}

// Done checks the settings and returns the optimizer. Later changes of the
// builder do not reach it.
func (b *Builder) Done() (*Optimizer, error) {
	s := b.settings
	if err := b.check(); err != nil {
		return nil, fmt.Errorf("optim: %s: %w", s.Algorithm, err)
	}
	s.LearningRate = b.rate.At(0)
	s.Scheduled = b.rate != schedule.Constant(s.LearningRate)
	s.PartialDecay = b.excluded != nil && s.WeightDecay > 0
	o := &Optimizer{settings: s, rate: b.rate, excluded: b.excluded, included: b.included}
	if s.Algorithm == NameSGD {
		o.rule = sgd{momentum: s.Momentum, nesterov: s.Nesterov}
	} else {
		o.rule = adam{beta1: s.Beta1, beta2: s.Beta2, epsilon: s.Epsilon}
	}
	return o, nil
}

// MustDone is Done for settings that are known to be valid: it panics on an
// error.
func (b *Builder) MustDone() *Optimizer {
	o, err := b.Done()
	if err != nil {
		panic(err)
	}
	return o
}

func (b *Builder) check() error {
	s := b.settings
	if len(b.misused) > 0 {
		return fmt.Errorf("it has no %s", strings.Join(b.misused, ", no "))
	}
	if b.rate == nil {
		return fmt.Errorf("the learning rate schedule is nil: give one or leave it out")
	}
	if s.Scope == "" || s.Scope == "." || s.Scope == ".." || strings.Contains(s.Scope, model.ScopeSeparator) {
		return fmt.Errorf("scope %q is not a name: give a word without %q", s.Scope, model.ScopeSeparator)
	}
	for _, v := range []struct {
		name  string
		value float64
		below float64
	}{
		{"learning rate", b.rate.At(0), math.Inf(1)},
		{"momentum", s.Momentum, math.Inf(1)},
		{"weight decay", s.WeightDecay, math.Inf(1)},
		{"beta1", s.Beta1, 1},
		{"beta2", s.Beta2, 1},
		{"epsilon", s.Epsilon, math.Inf(1)},
		{"largest gradient norm", s.ClipNorm, math.Inf(1)},
	} {
		if !(v.value >= 0 && v.value < v.below) {
			return fmt.Errorf("%s is %g: it must be at least 0 and below %g", v.name, v.value, v.below)
		}
	}
	if s.Nesterov && s.Momentum == 0 {
		return fmt.Errorf("nesterov needs a momentum above 0")
	}
	if b.clips && s.ClipNorm == 0 {
		return fmt.Errorf("largest gradient norm is 0: it must be above 0; leave it out for no clipping")
	}
	return nil
}
