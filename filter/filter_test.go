package filter

import (
	"math"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// draw makes a random configuration, layers and measurement.
func draw(t *rapid.T) (Config, [][]float64, Measurement) {
	c := NewConfig(Algorithm(rapid.IntRange(0, 1).Draw(t, "algorithm")), Variant(rapid.IntRange(0, 1).Draw(t, "variant")))
	unit := rapid.Float64Range(0.01, 0.99)
	c.ParameterVariance = unit.Draw(t, "sx")
	c.WeightDecay = rapid.SampledFrom([]float64{0, 0.01}).Draw(t, "decay")
	c.WholeNetwork = rapid.Bool().Draw(t, "whole")
	if c.Algorithm == Dynamics {
		c.VelocityDecay, c.VelocityVariance = unit.Draw(t, "alpha"), unit.Draw(t, "sp")
		c.CrossCovariance = rapid.Float64Range(-1, 1).Draw(t, "correlation") * math.Sqrt(c.ParameterVariance*c.VelocityVariance) * 0.99
	}
	layers := rapid.SliceOfN(rapid.SliceOfN(rapid.Float64Range(-2, 2), 1, 4), 1, 4).Draw(t, "layers")
	return c, layers, drawMeasurement(t, layers)
}

func drawMeasurement(t *rapid.T, layers [][]float64) Measurement {
	m := Measurement{Loss: rapid.Float64Range(0.1, 5).Draw(t, "loss"), MeanSquaredLoss: rapid.Float64Range(0.1, 30).Draw(t, "squares")}
	for _, l := range layers {
		m.Gradients = append(m.Gradients, rapid.SliceOfN(rapid.Float64Range(-3, 3), len(l), len(l)).Draw(t, "gradient"))
	}
	return m
}

func mustNew(t rapid.TB, c Config, layers [][]float64) *Filter {
	f, err := New(c, layers...)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func mustStep(t rapid.TB, f *Filter, m Measurement) Step {
	if err := f.Predict(); err != nil {
		t.Fatal(err)
	}
	s, err := f.Update(m)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestCovarianceStaysPositiveSemidefinite(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c, layers, m := draw(t)
		f := mustNew(t, c, layers)
		for range 20 {
			P := mustStep(t, f, m).Covariance
			if P.Parameter < 0 || P.Velocity < 0 || P.Cross*P.Cross > P.Parameter*P.Velocity*(1+1e-12)+1e-300 {
				t.Fatalf("P = %+v", P)
			}
		}
	})
}

func TestUpdateNeverGrowsParameterVariance(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c, layers, m := draw(t)
		f := mustNew(t, c, layers)
		if err := f.Predict(); err != nil {
			t.Fatal(err)
		}
		before := f.P.Parameter
		s, err := f.Update(m)
		if err != nil {
			t.Fatal(err)
		}
		if s.Covariance.Parameter > before {
			t.Fatalf("sigma_x^2 grew from %g to %g", before, s.Covariance.Parameter)
		}
	})
}

func TestOneVanillaLayerIsEquation14(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		_, layers, m := draw(t)
		layers, m.Gradients = layers[:1], m.Gradients[:1]
		f := mustNew(t, VanillaConfig(), layers)
		if err := f.Predict(); err != nil {
			t.Fatal(err)
		}
		P := f.P.Parameter
		s, err := f.Update(m)
		if err != nil {
			t.Fatal(err)
		}
		want := s.MeasurementNoise * P / (P*normSquared(m.Gradients[0]) + s.MeasurementNoise)
		if math.Abs(s.Covariance.Parameter-want) > 1e-12*P {
			t.Fatalf("P is %g, eq. 14 gives %g", s.Covariance.Parameter, want)
		}
	})
}

// TestFractionTargetIsLearningRate is section 3.4's identity.
func TestFractionTargetIsLearningRate(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c, layers, m := draw(t)
		epsilon := rapid.Float64Range(0, 1).Draw(t, "epsilon")
		a, b := cloneAll(layers), cloneAll(layers)
		byRate, byTarget := c, c
		byRate.LearningRate, byTarget.Target = epsilon, FractionTarget(epsilon)
		f, g := mustNew(t, byRate, a), mustNew(t, byTarget, b)
		for range 5 {
			mustStep(t, f, m)
			mustStep(t, g, m)
		}
		for i := range a {
			for j := range a[i] {
				if math.Abs(a[i][j]-b[i][j]) > 1e-12*max(1, math.Abs(a[i][j])) {
					t.Fatalf("layer %d: %v by learning rate, %v by target", i, a[i], b[i])
				}
			}
		}
	})
}

func TestOffsetTargetForgetsLoss(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c, layers, m := draw(t)
		c.Target, c.MeasurementNoise = OffsetTarget(4), Noise{Value: 2}
		a, b := cloneAll(layers), cloneAll(layers)
		mustStep(t, mustNew(t, c, a), m)
		m.Loss -= 100
		mustStep(t, mustNew(t, c, b), m)
		for i := range a {
			if !slices.Equal(a[i], b[i]) {
				t.Fatalf("layer %d: %v and %v with another loss", i, a[i], b[i])
			}
		}
	})
}

func TestStateContinuesExactly(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c, layers, m := draw(t)
		f := mustNew(t, c, layers)
		mustStep(t, f, m)
		state, err := f.State()
		if err != nil {
			t.Fatal(err)
		}
		copied := cloneAll(layers)
		g := mustNew(t, c, copied)
		if err := g.Restore(state); err != nil {
			t.Fatal(err)
		}
		for range 3 {
			s, r := mustStep(t, f, m), mustStep(t, g, m)
			if s.Covariance != r.Covariance || s.StateNoise != r.StateNoise || s.MeasurementNoise != r.MeasurementNoise {
				t.Fatalf("continued: %+v, uninterrupted: %+v", r, s)
			}
		}
		for i := range layers {
			if !slices.Equal(layers[i], copied[i]) {
				t.Fatalf("layer %d differs", i)
			}
		}
	})
}

// TestSkippedLayers: without a gradient a layer keeps its prediction, and with
// none at all h is 0.
func TestSkippedLayers(t *testing.T) {
	c := DefaultConfig()
	c.WeightDecay, c.DecoupledWeightDecay = 0.1, 0.1
	x := []float64{1, 2}
	f := mustNew(t, c, [][]float64{x})
	if err := f.Predict(); err != nil {
		t.Fatal(err)
	}
	predicted := f.P
	s, err := f.Update(Measurement{Loss: 1, MeanSquaredLoss: 1, Gradients: [][]float64{{1e-10, 0}}})
	if err != nil {
		t.Fatal(err)
	}
	if x[0] != 1 || x[1] != 2 || s.LearningRates[0] != 0 || s.Covariance != predicted {
		t.Errorf("x = %v, %+v", x, s)
	}
}

func TestDecoupledDecayAndExclusion(t *testing.T) {
	c := DefaultConfig()
	c.DecoupledWeightDecay, c.LearningRate, c.Undecayed = 0.1, 0.5, []int{1}
	plain := c
	plain.DecoupledWeightDecay = 0
	m := Measurement{Loss: 1, MeanSquaredLoss: 1, Gradients: [][]float64{{1}, {1}}}
	a, b := [][]float64{{2}, {2}}, [][]float64{{2}, {2}}
	mustStep(t, mustNew(t, c, a), m)
	mustStep(t, mustNew(t, plain, b), m)
	near(t, "decayed layer", a[0][0], b[0][0]-0.5*0.1*2)
	near(t, "excluded layer", a[1][0], b[1][0])
}

func TestRefusals(t *testing.T) {
	good := Measurement{Loss: 1, MeanSquaredLoss: 1, Gradients: [][]float64{{1, 1}}}
	with := func(change func(*Config)) Config { c := DefaultConfig(); change(&c); return c }
	for _, test := range []struct {
		name   string
		config Config
		layers [][]float64
		m      Measurement
		want   string
	}{
		{"no layers", DefaultConfig(), nil, good, "no layers"},
		{"empty layer", DefaultConfig(), [][]float64{{1}, {}}, good, "layer 1 is empty"},
		{"NaN parameter", DefaultConfig(), [][]float64{{math.NaN()}}, good, "parameter 0 of layer 0 is NaN"},
		{"zero config", Config{}, [][]float64{{1, 2}}, good, "divides by zero"},
		{"alpha", with(func(c *Config) { c.VelocityDecay = 1.5 }), [][]float64{{1, 2}}, good, "VelocityDecay is 1.5"},
		{"NaN decay", with(func(c *Config) { c.WeightDecay = math.NaN() }), [][]float64{{1, 2}}, good, "WeightDecay is NaN"},
		{"R", with(func(c *Config) { c.MeasurementNoise = Noise{} }), [][]float64{{1, 2}}, good, "divides by zero"},
		{"P", with(func(c *Config) { c.CrossCovariance = 1 }), [][]float64{{1, 2}}, good, "not positive semi-definite"},
		{"undecayed", with(func(c *Config) { c.Undecayed = []int{7} }), [][]float64{{1, 2}}, good, "names layer 7"},
		{"NaN loss", DefaultConfig(), [][]float64{{1, 2}}, Measurement{Loss: math.NaN(), Gradients: good.Gradients}, "the loss is NaN"},
		{"squares", DefaultConfig(), [][]float64{{1, 2}}, Measurement{Loss: 1, MeanSquaredLoss: -1, Gradients: good.Gradients}, "mean squared loss is -1"},
		{"gradients", DefaultConfig(), [][]float64{{1, 2}}, Measurement{Loss: 1}, "0 gradients for 1 layers"},
		{"gradient shape", DefaultConfig(), [][]float64{{1}}, good, "has 2 numbers, the layer 1"},
		{"overflow", DefaultConfig(), [][]float64{{1}}, Measurement{Loss: 1, MeanSquaredLoss: 1, Gradients: [][]float64{{1e200}}}, "its square overflows"},
		{"infinite gradient", DefaultConfig(), [][]float64{{1}}, Measurement{Loss: 1, Gradients: [][]float64{{math.Inf(1)}}}, "gradient 0 of layer 0 is +Inf"},
	} {
		t.Run(test.name, func(t *testing.T) {
			f, err := New(test.config, test.layers...)
			if err == nil {
				if err = f.Predict(); err != nil {
					t.Fatal(err)
				}
				before := cloneAll(test.layers)
				_, err = f.Update(test.m)
				if !slices.EqualFunc(before, test.layers, slices.Equal[[]float64]) {
					t.Error("a refused measurement changed the layers")
				}
			}
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("error %v, want one with %q", err, test.want)
			}
		})
	}
}

func TestOrderOfCalls(t *testing.T) {
	f := mustNew(t, DefaultConfig(), [][]float64{{1}})
	if _, err := f.Update(Measurement{}); err == nil || !strings.Contains(err.Error(), "without Predict") {
		t.Errorf("Update first: %v", err)
	}
	if err := f.Predict(); err != nil {
		t.Fatal(err)
	}
	if err := f.Predict(); err == nil || !strings.Contains(err.Error(), "twice") {
		t.Errorf("Predict twice: %v", err)
	}
	if _, err := f.State(); err == nil {
		t.Error("State between Predict and Update gave no error")
	}
}
