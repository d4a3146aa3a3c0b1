package filter_test

import (
	"testing"

	"github.com/kafisto/kafisto/filter"
	"github.com/kafisto/kafisto/internal/golden"
)

// tolerance is the acceptance figure for the plain-Go filter.
const tolerance = 1e-9

// TestGoldenFilter follows the trajectories of the published code and of the
// paper variant's reference.
func TestGoldenFilter(t *testing.T) {
	isFilter := func(tr *golden.Trajectory) bool { return !tr.Options.Baseline() }
	golden.Each(t, isFilter, func(t *testing.T, tr *golden.Trajectory) {
		layers := tr.Init
		f, err := filter.New(configOf(tr.Options), layers...)
		if err != nil {
			t.Fatal(err)
		}
		network := tr.Network()
		for k, want := range tr.Log {
			if tr.Options.Schedule != nil {
				if err := f.SetLearningRate(tr.Options.Schedule[k]); err != nil {
					t.Fatal(err)
				}
			}
			if err := f.Predict(); err != nil {
				t.Fatal(err)
			}
			var m filter.Measurement
			m.Loss, m.MeanSquaredLoss, m.Gradients = network.LossAndGradients(layers, k)
			step, err := f.Update(m)
			if err != nil {
				t.Fatal(err)
			}
			golden.Check(t, k, "loss", []float64{m.Loss, m.MeanSquaredLoss}, []float64{want.Loss, want.LossSquareMean}, tolerance)
			golden.Check(t, k, "R", []float64{step.MeasurementNoise}, []float64{want.R}, tolerance)
			P := []float64{step.Covariance.Parameter}
			if tr.Options.Algorithm == golden.Dynamics {
				P = append(P, step.Covariance.Cross, step.Covariance.Cross, step.Covariance.Velocity)
			}
			golden.Check(t, k, "P", P, want.P, tolerance)
			if want.Qx != nil && tr.Options.Algorithm == golden.Dynamics {
				golden.Check(t, k, "qx", []float64{step.StateNoise}, []float64{*want.Qx}, tolerance)
			}
			golden.Check(t, k, "parameter norms", golden.Norms(layers), want.ParamNorms, tolerance)
		}
		for i := range layers {
			golden.Check(t, tr.Steps, "final parameters", layers[i], tr.Final[i], tolerance)
		}
	})
}

// configOf reads a trajectory's options.
func configOf(o golden.Options) filter.Config {
	algorithm, variant := filter.Dynamics, filter.Published
	if o.Algorithm == golden.Vanilla {
		algorithm = filter.Vanilla
	}
	if o.Variant == golden.Paper {
		variant = filter.Paper
	}
	c := filter.NewConfig(algorithm, variant)
	set := func(to *float64, from *float64) {
		if from != nil {
			*to = *from
		}
	}
	set(&c.LearningRate, o.LR)
	set(&c.WeightDecay, o.WeightDecay)
	set(&c.ParameterVariance, o.Sigma)
	set(&c.StateNoise.Value, o.Q)
	set(&c.ParameterVariance, o.SW)
	set(&c.ParameterVariance, o.SX)
	set(&c.CrossCovariance, o.SC)
	set(&c.VelocityVariance, o.SV)
	set(&c.VelocityVariance, o.SP)
	set(&c.VelocityDecay, o.A)
	set(&c.VelocityDecay, o.Alpha)
	set(&c.StateNoise.Value, o.QW)
	set(&c.VelocityNoise, o.QV)
	set(&c.VelocityNoise, o.QP)
	if o.QX != nil {
		c.StateNoise = filter.Noise{Value: *o.QX}
	}
	set(&c.MeasurementNoise.Smoothing, o.AlphaR)
	set(&c.MeasurementNoise.Smoothing, o.BR)
	set(&c.AverageSmoothing, o.BX)
	if o.R != nil {
		c.MeasurementNoise = filter.Noise{Value: *o.R}
	}
	return c
}
