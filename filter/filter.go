package filter

import (
	"errors"
	"fmt"
	"math"
	"slices"
)

// tinyGradient is the norm below which the published code skips a layer.
const tinyGradient = 1e-9

// Measurement is what the caller computed at the predicted parameters.
type Measurement struct {
	// Loss is the minibatch mean of the per-example losses, plus auxiliary
	// losses (regularisers) if there are any.
	Loss float64
	// MeanSquaredLoss is the minibatch mean of the squared per-example losses
	// (see MeanAndMeanSquare). Used only when the measurement noise is adaptive.
	MeanSquaredLoss float64
	// Gradients of Loss, shaped as the layers. They are only read.
	Gradients [][]float64
}

// Step reports what one Update did.
type Step struct {
	Covariance       Covariance // P after the update
	MeasurementNoise float64    // R used in the update
	StateNoise       float64    // qx used in the prediction
	Innovation       float64    // Lmin - L, without decay: the measurement minus its prediction
	GradientNorm     float64    // over all layers, without decay
	LearningRates    []float64  // effective learning rate of each layer: what multiplied its gradient; 0 in skipped ones
}

// Filter optimizes the layers it was made with. Make it with New.
type Filter struct {
	config    Config
	x         [][]float64 // the caller's layers
	p         [][]float64 // velocities; nil in Vanilla
	average   [][]float64 // x_avg; nil with constant state noise
	groups    [][]int     // layers that share one measurement
	decays    []bool      // whether weight decay touches a layer
	n         int         // parameters in all layers
	P         Covariance
	R, qx     float64
	steps     int64 // updates done
	predicted bool  // between Predict and Update
}

// New returns a filter over the given layers, each a flat slice of parameters
// that the filter reads and writes from now on. A layer is usually one tensor
// (a weight matrix, a bias). It returns an error for settings out of range,
// for no layers, an empty one or parameters that are not finite.
func New(config Config, layers ...[]float64) (*Filter, error) {
	if err := config.validate(len(layers)); err != nil {
		return nil, err
	}
	if len(layers) == 0 {
		return nil, errors.New("filter: no layers: give New at least one slice of parameters")
	}
	f := &Filter{config: config, x: layers, P: Covariance{Parameter: config.ParameterVariance},
		R: config.MeasurementNoise.Value, qx: config.StateNoise.Value, decays: make([]bool, len(layers))}
	if config.Algorithm == Dynamics {
		f.P.Cross, f.P.Velocity = config.CrossCovariance, config.VelocityVariance
	}
	for i, x := range layers {
		if len(x) == 0 {
			return nil, fmt.Errorf("filter: layer %d is empty: leave it out", i)
		}
		if err := finite("parameter", i, x); err != nil {
			return nil, fmt.Errorf("filter: %w: initialise it before New", err)
		}
		f.n += len(x)
		f.decays[i] = !slices.Contains(config.Undecayed, i)
		if config.Algorithm == Dynamics {
			f.p = append(f.p, make([]float64, len(x)))
		}
		if config.StateNoise.Adaptive {
			f.average = append(f.average, startOfAverage(config.Variant, x))
		}
		if config.WholeNetwork && i > 0 {
			f.groups[0] = append(f.groups[0], i)
		} else {
			f.groups = append(f.groups, []int{i})
		}
	}
	return f, nil
}

func startOfAverage(v Variant, x []float64) []float64 {
	if v == Paper {
		return slices.Clone(x)
	}
	return make([]float64, len(x))
}

// SetLearningRate changes the learning rate from the next Update on: a
// schedule calls it before each step. It must be finite and not negative.
func (f *Filter) SetLearningRate(rate float64) error {
	if !(rate >= 0 && rate <= math.MaxFloat64) {
		return fmt.Errorf("filter: learning rate %g: it must be finite and not negative", rate)
	}
	f.config.LearningRate = rate
	return nil
}

// SetTarget changes the target loss from the next Update on. Its value must be
// finite.
func (f *Filter) SetTarget(t Target) error {
	if math.IsNaN(t.value) || math.IsInf(t.value, 0) {
		return fmt.Errorf("filter: target %g: it must be finite", t.value)
	}
	f.config.Target = t
	return nil
}

// Predict moves the layers to their predicted values and the covariance with
// them (eq. 11-12, or 17-20). It returns an error when the last prediction was
// not yet updated.
func (f *Filter) Predict() error {
	if f.predicted {
		return errors.New("filter: Predict was called twice: call Update in between")
	}
	c := f.config
	if c.StateNoise.Adaptive {
		d2 := 0.0
		for i, x := range f.x {
			if c.Variant == Paper { // eq. 24, before use
				f.follow(i)
			}
			for j, a := range f.average[i] {
				d2 += (x[j] - a) * (x[j] - a)
			}
		}
		f.qx = movingAverage(c.StateNoise.Smoothing, f.qx, dispersion(c.Variant, d2, f.n))
	}
	if c.Algorithm == Vanilla {
		f.P = f.P.predictVanilla(f.qx)
	} else {
		for i, x := range f.x {
			move(x, f.p[i], c.VelocityDecay)
		}
		f.P = f.P.predictDynamics(c.VelocityDecay, f.qx, c.VelocityNoise)
	}
	f.predicted = true
	return nil
}

// follow is eq. 24 for layer i.
func (f *Filter) follow(i int) {
	for j, x := range f.x[i] {
		f.average[i][j] = movingAverage(f.config.AverageSmoothing, f.average[i][j], x)
	}
}

// Update corrects the predicted layers and the covariance by a measurement
// (eq. 13-14, 22-23, 26) and reports the step. When the measurement is
// unusable (wrong shapes, NaN or infinity) it returns an error and changes
// nothing: the layers still hold the prediction, and Update may be called
// again with another minibatch.
func (f *Filter) Update(m Measurement) (Step, error) {
	if !f.predicted {
		return Step{}, errors.New("filter: Update without Predict: call Predict before computing loss and gradients")
	}
	if err := f.check(m); err != nil {
		return Step{}, fmt.Errorf("filter: step %d: %w", f.steps+1, err)
	}
	f.measureNoise(m.MeanSquaredLoss)
	step := Step{MeasurementNoise: f.R, StateNoise: f.qx, LearningRates: make([]float64, len(f.x)),
		Innovation: -f.config.Target.excess(m.Loss)}
	h := 0.0 // eq. 26: the largest |g|^2/S of all measurements
	for _, group := range f.groups {
		h = max(h, f.updateGroup(group, m, &step))
	}
	f.P = f.P.update(h)
	for _, g := range m.Gradients {
		step.GradientNorm += normSquared(g)
	}
	step.GradientNorm = math.Sqrt(step.GradientNorm)
	step.Covariance = f.P
	f.steps++
	f.predicted = false
	return step, nil
}

// measureNoise is eq. 23. An R of 0 has not been measured yet.
func (f *Filter) measureNoise(meanSquaredLoss float64) {
	switch noise := f.config.MeasurementNoise; {
	case !noise.Adaptive:
	case f.R == 0 && noise.Value == 0:
		f.R = meanSquaredLoss
	default:
		f.R = movingAverage(noise.Smoothing, f.R, meanSquaredLoss)
	}
}

// updateGroup corrects the layers of one measurement and returns its
// |g|^2/S, or 0 when the group is skipped because its gradient is tiny.
func (f *Filter) updateGroup(group []int, m Measurement, step *Step) float64 {
	c := f.config
	var bare, g2, decay float64 // |g|^2 without and with decay, decay's share of the loss
	for _, i := range group {
		bare += normSquared(m.Gradients[i])
		w := f.decayOf(i)
		for j, g := range m.Gradients[i] {
			g += w * f.x[i][j]
			g2 += g * g
		}
		decay += w / 2 * normSquared(f.x[i])
	}
	skipped := math.Sqrt(bare) < tinyGradient
	S := innovationCovariance(f.P.Parameter, g2, f.R)
	kx, kp := f.P.gains(c.LearningRate*c.Target.excess(m.Loss+decay), S)
	for _, i := range group {
		if !skipped {
			f.correct(i, kx, kp, m.Gradients[i])
			step.LearningRates[i] = kx
		}
		if f.average != nil && c.Variant == Published && !skipped {
			f.follow(i)
		}
	}
	if skipped {
		return 0
	}
	return g2 / S
}

func (f *Filter) decayOf(layer int) float64 {
	if f.decays[layer] {
		return f.config.WeightDecay
	}
	return 0
}

// correct is eq. 13 and its counterpart for the velocities, for layer i.
func (f *Filter) correct(i int, kx, kp float64, gradient []float64) {
	shrink := 0.0
	if f.decays[i] {
		shrink = f.config.LearningRate * f.config.DecoupledWeightDecay
	}
	w := f.decayOf(i)
	x := f.x[i]
	for j, g := range gradient {
		if f.p != nil {
			g += w * x[j]
			f.p[i][j] -= kp * g
		}
		x[j] -= kx*g + shrink*x[j]
	}
}

// check refuses a measurement with other shapes or values that are not finite.
func (f *Filter) check(m Measurement) error {
	if math.IsNaN(m.Loss) || math.IsInf(m.Loss, 0) {
		return fmt.Errorf("the loss is %g: check the minibatch and the model", m.Loss)
	}
	if ms := m.MeanSquaredLoss; f.config.MeasurementNoise.Adaptive && !(ms >= 0 && ms <= math.MaxFloat64) {
		return fmt.Errorf("the mean squared loss is %g: it must be finite and not negative", ms)
	}
	if len(m.Gradients) != len(f.x) {
		return fmt.Errorf("%d gradients for %d layers: give one for each layer, in New's order", len(m.Gradients), len(f.x))
	}
	for i, g := range m.Gradients {
		if len(g) != len(f.x[i]) {
			return fmt.Errorf("the gradient of layer %d has %d numbers, the layer %d", i, len(g), len(f.x[i]))
		}
		if err := finite("gradient", i, g); err != nil {
			return err
		}
		if math.IsInf(normSquared(g), 0) {
			return fmt.Errorf("the gradient of layer %d is so large that its square overflows: scale the loss down", i)
		}
	}
	return nil
}

func finite(what string, layer int, values []float64) error {
	for j, v := range values {
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return fmt.Errorf("%s %d of layer %d is %g", what, j, layer, v)
		}
	}
	return nil
}
