package kafisto_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/gomlx/ml/model"
	"pgregory.net/rapid"

	"github.com/kafisto/kafisto"
	"github.com/kafisto/kafisto/filter"
	"github.com/kafisto/kafisto/internal/engine"
	"github.com/kafisto/kafisto/internal/engine/enginetest"
	"github.com/kafisto/kafisto/internal/golden"
	"github.com/kafisto/kafisto/schedule"
)

// TestOptimizerIsTwinOfFilter trains a golden network with random settings,
// in the graph and in plain Go, and compares everything they report.
func TestOptimizerIsTwinOfFilter(t *testing.T) {
	backend := enginetest.Backend(t, engine.Go)
	trajectory := golden.Named(t, "dynamics_skipped_layers") // its first steps skip layers
	rapid.Check(t, func(rt *rapid.T) {
		builder, config := drawSettings(rt)
		run := newGoldenRun(t, backend, trajectory, builder.MustDone(), dtypes.Float64)
		layers := run.parameters()
		twin, err := filter.New(config, layers...)
		if err != nil {
			rt.Fatal(err)
		}
		network := trajectory.Network()
		for k := range 8 {
			if err := twin.Predict(); err != nil {
				rt.Fatal(err)
			}
			var m filter.Measurement
			m.Loss, m.MeanSquaredLoss, m.Gradients = network.LossAndGradients(layers, k)
			want, err := twin.Update(m)
			if err != nil {
				rt.Fatal(err)
			}
			got := run.step(k)
			P := []float64{want.Covariance.Parameter}
			if config.Algorithm == filter.Dynamics {
				P = append(P, want.Covariance.Cross, want.Covariance.Cross, want.Covariance.Velocity)
			}
			rates := want.LearningRates
			if config.WholeNetwork {
				rates = rates[:1]
			}
			check := func(what string, got, want []float64) {
				for i := range want {
					if e := golden.RelativeError(got[i], want[i]); e > 1e-7 {
						rt.Fatalf("step %d: %s is %v in the graph, %v in plain Go", k, what, got, want)
					}
				}
			}
			check("P", got.P, P)
			check("R, qx, innovation and gradient norm",
				[]float64{got.R, got.qx, got.innovation, got.gradientNorm},
				[]float64{want.MeasurementNoise, want.StateNoise, want.Innovation, want.GradientNorm})
			check("learning rates", got.rates, rates)
		}
		for i, p := range run.parameters() {
			for j := range p {
				if e := golden.RelativeError(p[j], layers[i][j]); e > 1e-7 {
					rt.Fatalf("parameter %d of layer %d is %g in the graph, %g in plain Go", j, i, p[j], layers[i][j])
				}
			}
		}
	})
}

// drawSettings draws the same settings for both implementations.
func drawSettings(t *rapid.T) (*kafisto.Builder, filter.Config) {
	algorithm := rapid.SampledFrom([]kafisto.Algorithm{kafisto.Dynamics, kafisto.Vanilla}).Draw(t, "algorithm")
	variant := rapid.SampledFrom([]kafisto.Variant{kafisto.Published, kafisto.Paper}).Draw(t, "variant")
	b := kafisto.New().Algorithm(algorithm).Variant(variant)
	c := filter.NewConfig(filter.Dynamics, filter.Published)
	switch {
	case algorithm == kafisto.Vanilla && variant == kafisto.Paper:
		c = filter.NewConfig(filter.Vanilla, filter.Paper)
	case algorithm == kafisto.Vanilla:
		c = filter.VanillaConfig()
	case variant == kafisto.Paper:
		c = filter.NewConfig(filter.Dynamics, filter.Paper)
	}
	unit := rapid.Float64Range(0.05, 0.95)
	if rapid.Bool().Draw(t, "constant R") {
		c.MeasurementNoise = filter.Noise{Value: unit.Draw(t, "R")}
		b.ConstantMeasurementNoise(c.MeasurementNoise.Value)
	}
	switch rapid.IntRange(0, 2).Draw(t, "qx") {
	case 0:
		c.StateNoise = filter.Noise{Value: unit.Draw(t, "constant qx")}
		b.ConstantStateNoise(c.StateNoise.Value)
	case 1:
		c.AverageSmoothing = unit.Draw(t, "bx")
		c.StateNoise = filter.Noise{Adaptive: true, Value: unit.Draw(t, "start"), Smoothing: unit.Draw(t, "smoothing")}
		b.AdaptiveStateNoise(c.AverageSmoothing, c.StateNoise.Smoothing, c.StateNoise.Value)
	}
	c.LearningRate = unit.Draw(t, "learning rate")
	b.LearningRate(c.LearningRate)
	switch value := unit.Draw(t, "target"); rapid.IntRange(0, 3).Draw(t, "kind of target") {
	case 1:
		c.Target = filter.ConstantTarget(value)
		b.Target(kafisto.ConstantTarget(schedule.Constant(value)))
	case 2:
		c.Target = filter.FractionTarget(value)
		b.Target(kafisto.FractionTarget(schedule.Constant(value)))
	case 3:
		c.Target = filter.OffsetTarget(value)
		b.Target(kafisto.OffsetTarget(schedule.Constant(value)))
	}
	if rapid.Bool().Draw(t, "weight decay") {
		c.WeightDecay = 0.05
		b.WeightDecay(0.05)
	}
	if rapid.Bool().Draw(t, "decoupled decay") {
		c.DecoupledWeightDecay = 0.05
		b.DecoupledWeightDecay(0.05)
	}
	if rapid.Bool().Draw(t, "exclude biases") {
		c.Undecayed = []int{1, 3}
		b.ExcludeFromDecay(kafisto.BiasesAndNorms)
	}
	if rapid.Bool().Draw(t, "whole network") {
		c.WholeNetwork = true
		b.WholeNetwork()
	}
	return b, c
}

// TestStateIsOrdinaryVariables: everything the optimizer remembers is in
// non-trainable variables below its scope.
func TestStateIsOrdinaryVariables(t *testing.T) {
	backend := enginetest.Backend(t, engine.Go)
	run := newGoldenRun(t, backend, golden.Named(t, "dynamics_default"), kafisto.New().Scope("mine").MustDone(), dtypes.Float32)
	run.step(0)
	var names []string
	for v := range run.store.IterVariables() {
		if strings.HasPrefix(v.Path(), "/mine/") {
			names = append(names, strings.TrimPrefix(v.Path(), "/mine/"))
			if v.Trainable {
				t.Errorf("%s is trainable", v.Path())
			}
		}
	}
	slices.Sort(names)
	want := []string{"average/b1", "average/b2", "average/w1", "average/w2", "cross_covariance", "measurement_noise",
		"parameter_variance", "state_noise", "step", "velocity/b1", "velocity/b2", "velocity/w1", "velocity/w2", "velocity_variance"}
	if !slices.Equal(names, want) {
		t.Errorf("variables %v, want %v", names, want)
	}
	if err := kafisto.New().Scope("mine").MustDone().Clear(run.store.RootScope()); err != nil {
		t.Fatal(err)
	}
	for v := range run.store.IterVariables() {
		if v := (*model.Variable)(v); strings.HasPrefix(v.Path(), "/mine/") {
			t.Errorf("Clear left %s", v.Path())
		}
	}
}
