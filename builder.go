package kafisto

import (
	"errors"
	"fmt"
	"math"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/gomlx/ml/model"
	"github.com/gomlx/gomlx/ml/train/optimizer"

	"github.com/kafisto/kafisto/schedule"
)

// Builder configures an Optimizer: New, any of its methods in any order, then
// Done. Its zero configuration is the paper's KaFiStO (section 4).
type Builder struct {
	algorithm Algorithm
	variant   Variant
	edits     []func(*config) // applied to the defaults of algorithm and variant
}

// config is everything an Optimizer needs to know.
type config struct {
	Settings
	rate      schedule.Schedule
	target    Target
	undecayed func(*model.Variable) bool
	only      func(*model.Variable) bool

	withoutKernels bool // whether graphPasses serve everywhere, for tests
}

// New returns a builder with the paper's configuration: Kalman Dynamics,
// velocity decay 0.9, adaptive noises, initial covariance diag(0.1, 0.1),
// learning rate 1, target 0, no weight decay, layer-wise, in the published
// variant.
func New() *Builder {
	return &Builder{algorithm: Dynamics, variant: Published}
}

func (b *Builder) edit(change func(*config)) *Builder {
	b.edits = append(b.edits, change)
	return b
}

// Algorithm selects Dynamics (the default) or Vanilla, and its defaults:
// Vanilla has a constant state noise of 1 and starts from a parameter variance
// of 1 (published variant) or 0.1 (paper variant).
func (b *Builder) Algorithm(a Algorithm) *Builder { b.algorithm = a; return b }

// Variant selects Published (the default) or Paper, and its defaults.
func (b *Builder) Variant(v Variant) *Builder { b.variant = v; return b }

// VelocityDecay sets alpha of eq. 18, in [0, 1]. Default 0.9; the paper's
// ablation (Table 2) diverges at 0.99 with constant state noise.
func (b *Builder) VelocityDecay(alpha float64) *Builder {
	return b.edit(func(c *config) { c.VelocityDecay = alpha })
}

// InitialCovariance sets P's start: the variances of parameters and
// velocities, sigma_x^2 and sigma_p^2, not negative, and their covariance
// sigma_c^2 (eq. 27), whose square is at most their product. Default 0.1, 0.1
// and 0. Vanilla uses the first alone; its default is 1 (published) or 0.1
// (paper).
func (b *Builder) InitialCovariance(parameters, velocities, cross float64) *Builder {
	return b.edit(func(c *config) {
		c.ParameterVariance, c.VelocityVariance, c.CrossCovariance = parameters, velocities, cross
	})
}

// ConstantMeasurementNoise fixes R, which must be positive. The paper's
// ablation (Table 4) diverges with it. No per-example losses are needed then.
func (b *Builder) ConstantMeasurementNoise(R float64) *Builder {
	return b.edit(func(c *config) { c.MeasurementNoise = Noise{Value: R} })
}

// AdaptiveMeasurementNoise estimates R by eq. 23, the default: smoothing is
// beta_R, 0.9 in the paper; start is R before the first step, or 0 to start at
// the first minibatch's mean squared loss.
func (b *Builder) AdaptiveMeasurementNoise(smoothing, start float64) *Builder {
	return b.edit(func(c *config) { c.MeasurementNoise = Noise{true, start, smoothing} })
}

// ConstantStateNoise fixes qx (Vanilla: Q). 0 is allowed.
func (b *Builder) ConstantStateNoise(qx float64) *Builder {
	return b.edit(func(c *config) { c.StateNoise = Noise{Value: qx} })
}

// AdaptiveStateNoise estimates qx (Vanilla: Q) by eq. 24-25, the default in
// Dynamics. averageSmoothing is beta_x of eq. 24, 0.9 in the paper. smoothing
// and start belong to a moving average over the estimates themselves, which
// the published variant has (0.9, 0.01) and the paper has not (0, 0).
func (b *Builder) AdaptiveStateNoise(averageSmoothing, smoothing, start float64) *Builder {
	return b.edit(func(c *config) {
		c.AverageSmoothing, c.StateNoise = averageSmoothing, Noise{true, start, smoothing}
	})
}

// VelocityNoise sets qp, which is always constant and not negative. Default
// 0.01. Dynamics only.
func (b *Builder) VelocityNoise(qp float64) *Builder {
	return b.edit(func(c *config) { c.VelocityNoise = qp })
}

// LearningRate multiplies every step by a constant, not negative. Default 1, as
// in the paper; 0 leaves the parameters to their velocities.
func (b *Builder) LearningRate(rate float64) *Builder {
	return b.LearningRateSchedule(schedule.Constant(rate))
}

// LearningRateSchedule multiplies every step by the schedule's value: the same
// as FractionTarget with that schedule for epsilon (section 3.4).
func (b *Builder) LearningRateSchedule(s schedule.Schedule) *Builder {
	return b.edit(func(c *config) { c.rate = s })
}

// Target sets the loss that is aimed at. Default 0.
func (b *Builder) Target(t Target) *Builder {
	return b.edit(func(c *config) { c.target = t })
}

// WeightDecay sets the published code's weight decay w (the paper's
// coefficient is 5e-4): a layer's gradient becomes g + w x and its loss
// L + w/2 |x|^2, x predicted. In Vanilla the step's direction stays g. Not
// negative. Default 0.
func (b *Builder) WeightDecay(w float64) *Builder {
	return b.edit(func(c *config) { c.WeightDecay = w })
}

// DecoupledWeightDecay shrinks the parameters in every step by the learning
// rate times w, apart from the filter (Loshchilov & Hutter, 2019). Note that
// the learning rate here is 1, not Adam's 1e-3. Layers that are skipped because
// they have no gradient are left alone. Default 0.
func (b *Builder) DecoupledWeightDecay(w float64) *Builder {
	return b.edit(func(c *config) { c.DecoupledWeightDecay = w })
}

// ExcludeFromDecay leaves the variables for which the function is true out of
// both kinds of weight decay. Default: none is left out, as in the published
// code. BiasesAndNorms is the usual choice.
func (b *Builder) ExcludeFromDecay(exclude func(*model.Variable) bool) *Builder {
	return b.edit(func(c *config) { c.undecayed = exclude })
}

// BiasesAndNorms is true for variables of rank 0 and 1: biases and the
// parameters of normalisation layers.
func BiasesAndNorms(v *model.Variable) bool { return v.Shape().Rank() < 2 }

// WholeNetwork makes one layer of all variables (sections 3.1 and 3.2) instead
// of the layer-wise form (section 3.5), which is the default.
func (b *Builder) WholeNetwork() *Builder {
	return b.edit(func(c *config) { c.WholeNetwork = true })
}

// Only restricts the optimizer to the trainable variables for which the
// function is true: one of two networks in a store, say. Default: all.
func (b *Builder) Only(include func(*model.Variable) bool) *Builder {
	return b.edit(func(c *config) { c.only = include })
}

// Scope names the scope of the state's variables, below the root. Optimizers
// that share a store need different ones. Default "kafisto".
func (b *Builder) Scope(name string) *Builder {
	return b.edit(func(c *config) { c.Settings.Scope = name })
}

// Done returns the optimizer, or an error that names a setting out of range.
// Later changes of the builder do not reach it.
func (b *Builder) Done() (*Optimizer, error) {
	c := config{Settings: defaults(b.algorithm, b.variant), rate: schedule.Constant(1)}
	for _, change := range b.edits {
		change(&c)
	}
	if c.rate == nil || c.target.kind != targetZero && c.target.value == nil {
		return nil, errors.New("kafisto: the learning rate's or the target's schedule is nil: use schedule.Constant for a number")
	}
	c.LearningRate, c.Scheduled = c.rate.At(0), !schedule.IsConstant(c.rate)
	c.Settings.Target, c.PartialDecay = c.target.String(), c.undecayed != nil
	if v := c.target.first(); math.IsNaN(v) || math.IsInf(v, 0) {
		return nil, fmt.Errorf("kafisto: the target is %g in the first step: it must be finite", v)
	}
	if err := c.validate(); err != nil {
		return nil, err
	}
	return &Optimizer{c}, nil
}

// MustDone is Done for settings known to be good: it panics on an error.
func (b *Builder) MustDone() *Optimizer {
	o, err := b.Done()
	if err != nil {
		panic(err)
	}
	return o
}

// Hyperparameters that FromScope reads. KaFiStO does not read GoMLX's
// "learning_rate": a rate that suits Adam would all but stop it.
const (
	ParamAlgorithm     = "kafisto_algorithm"      // string: dynamics or vanilla
	ParamVariant       = "kafisto_variant"        // string: published or paper
	ParamVelocityDecay = "kafisto_velocity_decay" // float64
	ParamWeightDecay   = "kafisto_weight_decay"   // float64
	ParamLearningRate  = "kafisto_learning_rate"  // float64, default 1
)

// FromScope takes settings from the hyperparameters of a GoMLX scope, where
// they are set.
func (b *Builder) FromScope(scope *model.Scope) *Builder {
	b.Algorithm(Algorithm(model.GetParamOr(scope, ParamAlgorithm, string(b.algorithm))))
	b.Variant(Variant(model.GetParamOr(scope, ParamVariant, string(b.variant))))
	for name, set := range map[string]func(float64) *Builder{
		ParamVelocityDecay: b.VelocityDecay,
		ParamWeightDecay:   b.WeightDecay,
		ParamLearningRate:  b.LearningRate,
	} {
		if _, found := scope.GetParam(name); found {
			set(model.GetParamOr(scope, name, 0.0))
		}
	}
	return b
}

// GoMLX's optimizer.ByName finds KaFiStO under "kafisto".
func init() {
	optimizer.KnownOptimizers["kafisto"] = func(scope *model.Scope) optimizer.Interface {
		return New().FromScope(scope).MustDone()
	}
}

// stateDType is the dtype of velocities and averages of a variable: its own,
// or Float32 where that has too few digits to accumulate in.
func stateDType(v *model.Variable) dtypes.DType {
	if d := v.DType(); d == dtypes.Float64 {
		return d
	}
	return dtypes.Float32
}
