package filter

import (
	"fmt"
	"math"
)

// Algorithm is one of the paper's two filters.
type Algorithm int

const (
	// Dynamics is Kalman Dynamics (section 3.2, eq. 17-22): parameters and
	// velocities, the paper's KaFiStO.
	Dynamics Algorithm = iota
	// Vanilla is Vanilla Kalman (Algorithm 1, eq. 11-14): parameters only.
	Vanilla
)

// String returns "dynamics" or "vanilla".
func (a Algorithm) String() string {
	if a == Vanilla {
		return "vanilla"
	}
	return "dynamics"
}

// Variant tells whose reading of the state noise is followed, where the paper
// and the code its numbers came from differ.
type Variant int

const (
	// Published follows the published code: qx is a moving average of
	// |x - x_avg|/n (the norm, not its square), x_avg starts at 0, follows each
	// layer right after its step and pauses in skipped layers; R starts at 1.
	Published Variant = iota
	// Paper follows eq. 24-25: qx = |x - x_avg|^2/n, x_avg starts at the initial
	// parameters and follows every layer; R starts at the first minibatch's mean
	// squared loss.
	Paper
)

// String returns "published" or "paper".
func (v Variant) String() string {
	if v == Paper {
		return "paper"
	}
	return "published"
}

// Noise is a variance that is either held constant or estimated online as an
// exponential moving average.
type Noise struct {
	// Adaptive selects the online estimate.
	Adaptive bool
	// Value is the constant, or where the moving average starts. A start of 0
	// in an adaptive measurement noise means: start at the first minibatch's
	// own value. Must be finite and not negative; a constant measurement noise
	// must be positive.
	Value float64
	// Smoothing is the weight of the old value in the moving average, in
	// [0, 1); 0 takes each new value as it comes. Unused when not Adaptive.
	Smoothing float64
}

// Config holds the settings of a Filter. Start from DefaultConfig,
// VanillaConfig or NewConfig: the zero Config is not valid.
type Config struct {
	Algorithm Algorithm
	Variant   Variant

	// VelocityDecay is alpha of eq. 18, in [0, 1]. Dynamics only. Default 0.9.
	VelocityDecay float64

	// ParameterVariance is the initial sigma_x^2 (Vanilla: sigma_0^2), not
	// negative; the state noise is added before it is used first.
	// Default 0.1; Vanilla 1 in the published, 0.1 in the paper variant.
	ParameterVariance float64
	// CrossCovariance is the initial sigma_c^2. Dynamics only. Default 0.
	CrossCovariance float64
	// VelocityVariance is the initial sigma_p^2, not negative. Dynamics only.
	// Default 0.1.
	VelocityVariance float64

	// MeasurementNoise is R (eq. 23). Default adaptive, smoothing 0.9, starting
	// at 1 (published) or at the first minibatch's value (paper).
	MeasurementNoise Noise
	// StateNoise is qx (eq. 24-25). Default for Dynamics adaptive: published
	// smoothing 0.9 from 0.01, paper without smoothing. Default for Vanilla
	// constant 1.
	StateNoise Noise
	// VelocityNoise is qp, constant. Dynamics only. Default 0.01.
	VelocityNoise float64
	// AverageSmoothing is beta_x of eq. 24, in [0, 1). Default 0.9.
	AverageSmoothing float64

	// LearningRate multiplies every step; the same as a target of
	// (1-LearningRate) L (section 3.4). Default 1. Change it between steps with
	// Filter.SetLearningRate.
	LearningRate float64
	// Target is the loss aimed at. Default 0. Change it between steps with
	// Filter.SetTarget.
	Target Target

	// WeightDecay is the published code's decay coefficient w: the gradient of a
	// layer becomes g + w x and its loss L + w/2 |x|^2 (in Vanilla the step's
	// direction stays g). 0 means none.
	WeightDecay float64
	// DecoupledWeightDecay shrinks the parameters by LearningRate times this
	// coefficient in every step, apart from the filter (Loshchilov & Hutter);
	// layers that are skipped for want of a gradient are left alone. 0 means none.
	DecoupledWeightDecay float64
	// Undecayed lists layers, by index, that neither decay touches: usually
	// biases and normalisation parameters.
	Undecayed []int

	// WholeNetwork makes one layer of all parameters (sections 3.1 and 3.2)
	// instead of the layer-wise form (section 3.5).
	WholeNetwork bool
}

// DefaultConfig is the configuration that the paper calls KaFiStO (section 4),
// in the published variant.
func DefaultConfig() Config { return NewConfig(Dynamics, Published) }

// VanillaConfig is the Vanilla Kalman algorithm in the published variant.
func VanillaConfig() Config { return NewConfig(Vanilla, Published) }

// NewConfig returns the defaults of an algorithm in a variant.
func NewConfig(algorithm Algorithm, variant Variant) Config {
	c := Config{
		Algorithm:         algorithm,
		Variant:           variant,
		VelocityDecay:     0.9,
		ParameterVariance: 0.1,
		VelocityVariance:  0.1,
		MeasurementNoise:  Noise{Adaptive: true, Value: 1, Smoothing: 0.9},
		StateNoise:        Noise{Adaptive: true, Value: 0.01, Smoothing: 0.9},
		VelocityNoise:     0.01,
		AverageSmoothing:  0.9,
		LearningRate:      1,
	}
	if variant == Paper {
		c.MeasurementNoise.Value = 0
		c.StateNoise = Noise{Adaptive: true}
	}
	if algorithm == Vanilla {
		c.VelocityDecay, c.VelocityVariance, c.VelocityNoise = 0, 0, 0
		c.StateNoise = Noise{Value: 1}
		if variant == Published {
			c.ParameterVariance = 1
		}
	}
	return c
}

// validate returns an error that names the first setting out of range.
func (c Config) validate(layers int) error {
	if c.Algorithm != Dynamics && c.Algorithm != Vanilla {
		return fmt.Errorf("filter: unknown algorithm %d: use Dynamics or Vanilla", c.Algorithm)
	}
	if c.Variant != Published && c.Variant != Paper {
		return fmt.Errorf("filter: unknown variant %d: use Published or Paper", c.Variant)
	}
	ranges := []struct {
		name     string
		value    float64
		min, max float64
	}{
		{"VelocityDecay", c.VelocityDecay, 0, 1},
		{"ParameterVariance", c.ParameterVariance, 0, math.MaxFloat64},
		{"CrossCovariance", c.CrossCovariance, -math.MaxFloat64, math.MaxFloat64},
		{"VelocityVariance", c.VelocityVariance, 0, math.MaxFloat64},
		{"MeasurementNoise.Value", c.MeasurementNoise.Value, 0, math.MaxFloat64},
		{"MeasurementNoise.Smoothing", c.MeasurementNoise.Smoothing, 0, math.Nextafter(1, 0)},
		{"StateNoise.Value", c.StateNoise.Value, 0, math.MaxFloat64},
		{"StateNoise.Smoothing", c.StateNoise.Smoothing, 0, math.Nextafter(1, 0)},
		{"VelocityNoise", c.VelocityNoise, 0, math.MaxFloat64},
		{"AverageSmoothing", c.AverageSmoothing, 0, math.Nextafter(1, 0)},
		{"LearningRate", c.LearningRate, 0, math.MaxFloat64},
		{"Target", c.Target.value, -math.MaxFloat64, math.MaxFloat64},
		{"WeightDecay", c.WeightDecay, 0, math.MaxFloat64},
		{"DecoupledWeightDecay", c.DecoupledWeightDecay, 0, math.MaxFloat64},
	}
	for _, r := range ranges {
		if !(r.value >= r.min && r.value <= r.max) { // NaN fails too
			return fmt.Errorf("filter: %s is %g: it must be between %.3g and %.3g (start from DefaultConfig)", r.name, r.value, r.min, r.max)
		}
	}
	if !c.MeasurementNoise.Adaptive && c.MeasurementNoise.Value == 0 {
		return fmt.Errorf("filter: a constant MeasurementNoise of 0 divides by zero: make it positive or adaptive")
	}
	if sx, sc, sp := c.ParameterVariance, c.CrossCovariance, c.VelocityVariance; c.Algorithm == Dynamics && sc*sc > sx*sp {
		return fmt.Errorf("filter: the initial covariance [[%g, %g], [%g, %g]] is not positive semi-definite: make CrossCovariance^2 at most ParameterVariance times VelocityVariance", sx, sc, sc, sp)
	}
	for _, i := range c.Undecayed {
		if i < 0 || i >= layers {
			return fmt.Errorf("filter: Undecayed names layer %d: there are layers 0 to %d", i, layers-1)
		}
	}
	return nil
}
