package kafisto_test

import (
	"math"
	"testing"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"

	"github.com/kafisto/kafisto"
	"github.com/kafisto/kafisto/filter"
	"github.com/kafisto/kafisto/internal/engine/enginetest"
	"github.com/kafisto/kafisto/internal/golden"
	"github.com/kafisto/kafisto/internal/golden/goldengraph"
	"github.com/kafisto/kafisto/schedule"
)

// goldenTolerance is the acceptance figure for the graph optimizer.
const goldenTolerance = 1e-7

// TestGoldenOptimizer follows the trajectories of the published code and of
// the paper variant's reference in float64, on both backends.
func TestGoldenOptimizer(t *testing.T) {
	enginetest.Each(t, func(t *testing.T, backend compute.Backend) {
		isFilter := func(tr *golden.Trajectory) bool { return !tr.Options.Baseline() }
		golden.Each(t, isFilter, func(t *testing.T, tr *golden.Trajectory) {
			opt, err := builderOf(t, tr.Options).Done()
			if err != nil {
				t.Fatal(err)
			}
			run := newGoldenRun(t, backend, tr, opt, dtypes.Float64)
			for k, want := range tr.Log {
				got := run.step(k)
				golden.Check(t, k, "loss", []float64{got.loss, got.squares}, []float64{want.Loss, want.LossSquareMean}, goldenTolerance)
				golden.Check(t, k, "R", []float64{got.R}, []float64{want.R}, goldenTolerance)
				golden.Check(t, k, "P", got.P, want.P, goldenTolerance)
				if want.Qx != nil && tr.Options.Algorithm == golden.Dynamics {
					golden.Check(t, k, "qx", []float64{got.qx}, []float64{*want.Qx}, goldenTolerance)
				}
				golden.Check(t, k, "parameter norms", golden.Norms(run.parameters()), want.ParamNorms, goldenTolerance)
			}
			for i, final := range run.parameters() {
				golden.Check(t, tr.Steps, "final parameters", final, tr.Final[i], goldenTolerance)
			}
		})
	})
}

// TestSinglePrecisionFollowsTwin trains a golden network for 200 steps in
// float32 on both backends beside the plain-Go filter in float64, with weight
// decay too: |g + w x|^2 is a sum of three there.
func TestSinglePrecisionFollowsTwin(t *testing.T) {
	enginetest.Each(t, func(t *testing.T, backend compute.Backend) {
		isDefault := func(tr *golden.Trajectory) bool {
			return tr.Name == "dynamics_default" || tr.Name == "vanilla_adaptiveR" || tr.Name == "paper_dynamics_default"
		}
		golden.Own(t, isDefault, func(t *testing.T, tr *golden.Trajectory) {
			for _, decay := range []float64{0, 0.01} {
				followTwin(t, backend, tr, builderOf(t, tr.Options).WeightDecay(decay).MustDone())
			}
		})
	})
}

// followTwin compares the losses of 200 steps with the plain-Go filter's.
func followTwin(t *testing.T, backend compute.Backend, tr *golden.Trajectory, opt *kafisto.Optimizer) {
	t.Helper()
	run := newGoldenRun(t, backend, tr, opt, dtypes.Float32)
	layers := run.parameters() // copies: the filter writes into its layers
	f, network := twinOf(t, opt.Settings(), layers), tr.Network()
	for k := range 200 {
		if err := f.Predict(); err != nil {
			t.Fatal(err)
		}
		var m filter.Measurement
		m.Loss, m.MeanSquaredLoss, m.Gradients = network.LossAndGradients(layers, k)
		if _, err := f.Update(m); err != nil {
			t.Fatal(err)
		}
		if got := run.step(k).loss; math.Abs(got-m.Loss) > 1e-3*m.Loss {
			t.Fatalf("weight decay %g, step %d: loss %g in float32, %g in float64", opt.Settings().WeightDecay, k, got, m.Loss)
		}
	}
}

// goldenRun trains a trajectory's network with hand-written steps.
type goldenRun struct {
	t     *testing.T
	tr    *golden.Trajectory
	dtype dtypes.DType
	store *model.Store
	exec  *model.Exec
}

// goldenStep is what a step reports.
type goldenStep struct {
	loss, squares, R, qx, innovation, gradientNorm float64
	P                                              []float64 // 1 or 4 numbers
	rates                                          []float64
}

func newGoldenRun(t *testing.T, backend compute.Backend, tr *golden.Trajectory, opt *kafisto.Optimizer, dtype dtypes.DType) *goldenRun {
	store := model.NewStore()
	net := kafisto.Model(opt, func(scope *model.Scope, x *graph.Node) *graph.Node {
		return goldengraph.Logits(scope, tr, x)
	})
	exec, err := model.NewExec(backend, store, func(scope *model.Scope, x, labels *graph.Node) []*graph.Node {
		g := x.Graph()
		scope.SetTraining(g, true)
		losses := goldengraph.Losses(labels, net(scope, nil, []*graph.Node{x})[0])
		loss := opt.Observe(losses, nil)
		opt.UpdateGraph(scope, g, loss)
		r := opt.Report(g)
		out := []*graph.Node{loss, graph.ReduceAllMean(graph.Square(losses)), r.MeasurementNoise, r.StateNoise, r.Innovation, r.GradientNorm, r.LearningRates}
		return append(out, r.Covariance...)
	})
	if err != nil {
		t.Fatal(err)
	}
	return &goldenRun{t, tr, dtype, store, exec}
}

func (r *goldenRun) step(k int) (s goldenStep) {
	r.t.Helper()
	x, labels := goldengraph.Batch(r.tr, k, r.dtype)
	out, err := r.exec.Exec(x, labels)
	if err != nil {
		r.t.Fatal(err)
	}
	for i, to := range []*float64{&s.loss, &s.squares, &s.R, &s.qx, &s.innovation, &s.gradientNorm} {
		*to = goldengraph.Float64s(out[i])[0]
	}
	s.rates = goldengraph.Float64s(out[6])
	for _, p := range out[7:] {
		s.P = append(s.P, tensors.ToScalar[float64](p))
	}
	if len(s.P) == 3 {
		s.P = []float64{s.P[0], s.P[1], s.P[1], s.P[2]}
	}
	return s
}

func (r *goldenRun) parameters() [][]float64 {
	r.t.Helper()
	p, err := goldengraph.Parameters(r.store.RootScope(), r.tr, r.dtype)
	if err != nil {
		r.t.Fatal(err)
	}
	return p
}

// builderOf reads a trajectory's options.
func builderOf(t *testing.T, o golden.Options) *kafisto.Builder {
	t.Helper()
	b := kafisto.New()
	if o.Algorithm == golden.Vanilla {
		b.Algorithm(kafisto.Vanilla)
	}
	if o.Variant == golden.Paper {
		b.Variant(kafisto.Paper)
	}
	s := b.MustDone().Settings() // the defaults
	or := func(fallback float64, values ...*float64) float64 {
		for _, v := range values {
			if v != nil {
				return *v
			}
		}
		return fallback
	}
	b.InitialCovariance(or(s.ParameterVariance, o.Sigma, o.SW, o.SX), or(s.VelocityVariance, o.SV, o.SP), or(s.CrossCovariance, o.SC))
	b.VelocityDecay(or(s.VelocityDecay, o.A, o.Alpha)).VelocityNoise(or(s.VelocityNoise, o.QV, o.QP))
	b.WeightDecay(or(0, o.WeightDecay)).LearningRate(or(1, o.LR))
	if o.R != nil {
		b.ConstantMeasurementNoise(*o.R)
	} else {
		b.AdaptiveMeasurementNoise(or(s.MeasurementNoise.Smoothing, o.AlphaR, o.BR), s.MeasurementNoise.Value)
	}
	if o.QX != nil {
		b.ConstantStateNoise(*o.QX)
	} else if s.StateNoise.Adaptive {
		b.AdaptiveStateNoise(or(s.AverageSmoothing, o.BX), s.StateNoise.Smoothing, or(s.StateNoise.Value, o.QW))
	} else {
		b.ConstantStateNoise(or(s.StateNoise.Value, o.Q))
	}
	if o.Schedule != nil {
		rates, err := schedule.PerStep(o.Schedule)
		if err != nil {
			t.Fatal(err)
		}
		b.LearningRateSchedule(rates)
	}
	return b
}

// twinOf makes the plain-Go filter with the same settings.
func twinOf(t *testing.T, s kafisto.Settings, layers [][]float64) *filter.Filter {
	t.Helper()
	algorithm, variant := filter.Dynamics, filter.Published
	if s.Algorithm == kafisto.Vanilla {
		algorithm = filter.Vanilla
	}
	if s.Variant == kafisto.Paper {
		variant = filter.Paper
	}
	c := filter.NewConfig(algorithm, variant)
	c.VelocityDecay, c.VelocityNoise = s.VelocityDecay, s.VelocityNoise
	c.ParameterVariance, c.CrossCovariance, c.VelocityVariance = s.ParameterVariance, s.CrossCovariance, s.VelocityVariance
	c.MeasurementNoise, c.StateNoise = filter.Noise(s.MeasurementNoise), filter.Noise(s.StateNoise)
	c.AverageSmoothing, c.LearningRate = s.AverageSmoothing, s.LearningRate
	c.WeightDecay, c.DecoupledWeightDecay, c.WholeNetwork = s.WeightDecay, s.DecoupledWeightDecay, s.WholeNetwork
	f, err := filter.New(c, layers...)
	if err != nil {
		t.Fatal(err)
	}
	return f
}
