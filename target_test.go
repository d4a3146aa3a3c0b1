package kafisto_test

import (
	"math"
	"testing"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/dtypes"

	"github.com/kafisto/kafisto"
	"github.com/kafisto/kafisto/internal/engine"
	"github.com/kafisto/kafisto/internal/engine/enginetest"
	"github.com/kafisto/kafisto/internal/golden"
	"github.com/kafisto/kafisto/schedule"
)

// scheduledSteps is how long the runs of this file are.
const scheduledSteps = 40

// everySchedule has one of each kind, made for scheduledSteps steps.
func everySchedule(t *testing.T) map[string]schedule.Schedule {
	t.Helper()
	schedules := map[string]schedule.Schedule{"constant": schedule.Constant(0.3)}
	add := func(name string, s schedule.Schedule, err error) schedule.Schedule {
		if err != nil {
			t.Fatal(err)
		}
		schedules[name] = s
		return s
	}
	for _, name := range schedule.PaperNames() {
		s, err := schedule.Paper(name, 1, scheduledSteps)
		add(name, s, err)
	}
	s, err := schedule.StepDecay(1, 0.5, 9, scheduledSteps)
	add("step decay", s, err)
	s, err = schedule.Milestones(0.2, 2, 5, 7)
	add("milestones", s, err)
	s, err = schedule.Piecewise([]int64{10, 20}, []float64{0.5, 0, 1.5})
	add("piecewise", s, err)
	s, err = schedule.Cosine(1, 0, scheduledSteps-5)
	s, err = schedule.WarmUp(add("cosine", s, err), 8)
	add("warm-up", s, err)
	return schedules
}

// TestEpsilonIsTheLearningRate is section 3.4: a schedule on epsilon of
// Lmin = (1-epsilon) L moves parameters, velocities and covariance as the same
// schedule on the learning rate does, with weight decay too, whose part in a
// layer's loss is in L then. (Decoupled weight decay follows the learning rate
// alone.)
func TestEpsilonIsTheLearningRate(t *testing.T) {
	backend := enginetest.Backend(t, engine.Go)
	for name, s := range everySchedule(t) {
		for _, decay := range []float64{0, 0.05} {
			for _, algorithm := range []kafisto.Algorithm{kafisto.Dynamics, kafisto.Vanilla} {
				b := func() *kafisto.Builder { return kafisto.New().Algorithm(algorithm).WeightDecay(decay) }
				t.Run(name, func(t *testing.T) { sameTrajectory(t, backend, b, s) })
			}
		}
	}
	t.Run("paper variant, whole network", func(t *testing.T) {
		b := func() *kafisto.Builder { return kafisto.New().Variant(kafisto.Paper).WholeNetwork().WeightDecay(0.05) }
		sameTrajectory(t, backend, b, everySchedule(t)["warm-up"])
	})
}

// TestEpsilonOnBothBackends: the kernels of XLA keep the identity.
func TestEpsilonOnBothBackends(t *testing.T) {
	enginetest.Each(t, func(t *testing.T, backend compute.Backend) {
		b := func() *kafisto.Builder { return kafisto.New().WeightDecay(0.05) }
		sameTrajectory(t, backend, b, everySchedule(t)["warm-up"])
	})
}

// sameTrajectory trains with the schedule as learning rate and as epsilon.
func sameTrajectory(t *testing.T, backend compute.Backend, b func() *kafisto.Builder, s schedule.Schedule) {
	t.Helper()
	const tolerance = 1e-9
	tr := golden.Named(t, "dynamics_default")
	rate := newGoldenRun(t, backend, tr, b().LearningRateSchedule(s).MustDone(), dtypes.Float64)
	epsilon := newGoldenRun(t, backend, tr, b().Target(kafisto.FractionTarget(s)).MustDone(), dtypes.Float64)
	defer rate.exec.Finalize()
	defer epsilon.exec.Finalize()
	before := rate.parameters()
	for k := range scheduledSteps {
		want, got := rate.step(k), epsilon.step(k)
		golden.Check(t, k, "loss, R and qx", []float64{got.loss, got.R, got.qx}, []float64{want.loss, want.R, want.qx}, tolerance)
		golden.Check(t, k, "effective learning rates", got.rates, want.rates, tolerance)
		golden.Check(t, k, "P", got.P, want.P, tolerance)
		if fraction := s.At(int64(k)); math.Abs(got.innovation-fraction*want.innovation) > tolerance*math.Abs(want.innovation) {
			t.Errorf("step %d: innovation %g, want %g of %g", k, got.innovation, fraction, want.innovation)
		}
	}
	moved := false
	for i, want := range rate.parameters() {
		got := epsilon.parameters()[i]
		golden.Check(t, scheduledSteps, "final parameters", got, want, tolerance)
		for j := range want {
			moved = moved || want[j] != before[i][j]
		}
	}
	if !moved {
		t.Error("the parameters did not move")
	}
}
