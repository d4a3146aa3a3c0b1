package kafisto

import (
	"fmt"
	"math"
	"strings"
)

// Algorithm names one of the paper's two filters.
type Algorithm string

const (
	// Dynamics is Kalman Dynamics (section 3.2, eq. 17-22): parameters and
	// velocities, the paper's KaFiStO and the default.
	Dynamics Algorithm = "dynamics"
	// Vanilla is Vanilla Kalman (Algorithm 1, eq. 11-14): parameters only.
	Vanilla Algorithm = "vanilla"
)

// Variant names a reading of the state noise, where the paper and the code its
// numbers came from differ.
type Variant string

const (
	// Published follows the published code, the default: qx is a moving average
	// of |x - x_avg|/n (the norm, not its square), x_avg starts at 0, follows
	// each layer right after its step and pauses in skipped layers; R starts
	// at 1.
	Published Variant = "published"
	// Paper follows eq. 24-25: qx = |x - x_avg|^2/n, x_avg starts at the initial
	// parameters and follows every layer; R starts at the first minibatch's
	// mean squared loss. A variable that is first trained later in a run starts
	// its average at 0, as in the published variant.
	Paper Variant = "paper"
)

// Noise is a variance that is either held constant or estimated online as an
// exponential moving average.
type Noise struct {
	// Adaptive selects the online estimate.
	Adaptive bool `json:"adaptive"`
	// Value is the constant, or where the moving average starts. A start of 0
	// in an adaptive measurement noise means: start at the first minibatch's
	// own value.
	Value float64 `json:"value"`
	// Smoothing is the weight of the old value in the moving average, in
	// [0, 1). Unused when not Adaptive.
	Smoothing float64 `json:"smoothing"`
}

// Settings are the effective settings of an Optimizer, as a run's record keeps
// them. Optimizer.Settings returns them; the Builder sets them.
type Settings struct {
	Algorithm            Algorithm `json:"algorithm"`
	Variant              Variant   `json:"variant"`
	VelocityDecay        float64   `json:"velocity_decay"`     // alpha, eq. 18
	ParameterVariance    float64   `json:"parameter_variance"` // initial sigma_x^2, eq. 27
	CrossCovariance      float64   `json:"cross_covariance"`   // initial sigma_c^2
	VelocityVariance     float64   `json:"velocity_variance"`  // initial sigma_p^2, eq. 27
	MeasurementNoise     Noise     `json:"measurement_noise"`  // R, eq. 23
	StateNoise           Noise     `json:"state_noise"`        // qx, eq. 24-25
	VelocityNoise        float64   `json:"velocity_noise"`     // qp
	AverageSmoothing     float64   `json:"average_smoothing"`  // beta_x, eq. 24
	LearningRate         float64   `json:"learning_rate"`      // in the first step
	Scheduled            bool      `json:"scheduled"`          // whether the learning rate may change later
	Target               string    `json:"target"`             // Lmin, sections 3.4 and 5.2
	WeightDecay          float64   `json:"weight_decay"`
	DecoupledWeightDecay float64   `json:"decoupled_weight_decay"`
	PartialDecay         bool      `json:"partial_decay"` // whether some variables are excluded from decay
	WholeNetwork         bool      `json:"whole_network"` // one layer of all variables
	Scope                string    `json:"scope"`         // where the state's variables are
}

// defaults returns the paper's configuration (section 4) of an algorithm in a
// variant.
func defaults(algorithm Algorithm, variant Variant) Settings {
	s := Settings{
		Algorithm:         algorithm,
		Variant:           variant,
		VelocityDecay:     0.9,
		ParameterVariance: 0.1,
		VelocityVariance:  0.1,
		MeasurementNoise:  Noise{Adaptive: true, Value: 1, Smoothing: 0.9},
		StateNoise:        Noise{Adaptive: true, Value: 0.01, Smoothing: 0.9},
		VelocityNoise:     0.01,
		AverageSmoothing:  0.9,
		Scope:             "kafisto",
	}
	if variant == Paper {
		s.MeasurementNoise.Value = 0
		s.StateNoise = Noise{Adaptive: true}
	}
	if algorithm == Vanilla {
		s.VelocityDecay, s.VelocityVariance, s.VelocityNoise = 0, 0, 0
		s.StateNoise = Noise{Value: 1}
		if variant == Published {
			s.ParameterVariance = 1
		}
	}
	return s
}

// validate returns an error that names the first setting out of range.
func (s Settings) validate() error {
	if s.Algorithm != Dynamics && s.Algorithm != Vanilla {
		return fmt.Errorf("kafisto: unknown algorithm %q: use %q or %q", s.Algorithm, Dynamics, Vanilla)
	}
	if s.Variant != Published && s.Variant != Paper {
		return fmt.Errorf("kafisto: unknown variant %q: use %q or %q", s.Variant, Published, Paper)
	}
	below1 := math.Nextafter(1, 0)
	for _, r := range []struct {
		name            string
		value, min, max float64
	}{
		{"velocity decay", s.VelocityDecay, 0, 1},
		{"parameter variance", s.ParameterVariance, 0, math.MaxFloat64},
		{"cross covariance", s.CrossCovariance, -math.MaxFloat64, math.MaxFloat64},
		{"velocity variance", s.VelocityVariance, 0, math.MaxFloat64},
		{"measurement noise", s.MeasurementNoise.Value, 0, math.MaxFloat64},
		{"measurement noise's smoothing", s.MeasurementNoise.Smoothing, 0, below1},
		{"state noise", s.StateNoise.Value, 0, math.MaxFloat64},
		{"state noise's smoothing", s.StateNoise.Smoothing, 0, below1},
		{"velocity noise", s.VelocityNoise, 0, math.MaxFloat64},
		{"average's smoothing", s.AverageSmoothing, 0, below1},
		{"learning rate", s.LearningRate, 0, math.MaxFloat64},
		{"weight decay", s.WeightDecay, 0, math.MaxFloat64},
		{"decoupled weight decay", s.DecoupledWeightDecay, 0, math.MaxFloat64},
	} {
		if !(r.value >= r.min && r.value <= r.max) { // NaN fails too
			return fmt.Errorf("kafisto: the %s is %g: it must be between %.3g and %.3g", r.name, r.value, r.min, r.max)
		}
	}
	if !s.MeasurementNoise.Adaptive && s.MeasurementNoise.Value == 0 {
		return fmt.Errorf("kafisto: a constant measurement noise of 0 divides by zero: make it positive or adaptive")
	}
	if sx, sc, sp := s.ParameterVariance, s.CrossCovariance, s.VelocityVariance; s.Algorithm == Dynamics && sc*sc > sx*sp {
		return fmt.Errorf("kafisto: the initial covariance [[%g, %g], [%g, %g]] is not positive semi-definite: the square of the cross covariance must be at most the product of the variances", sx, sc, sc, sp)
	}
	if s.Scope == "" || strings.ContainsAny(s.Scope, "/.") {
		return fmt.Errorf("kafisto: the scope %q: give a name without slashes and dots for where the state's variables go", s.Scope)
	}
	return nil
}
