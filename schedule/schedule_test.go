package schedule_test

import (
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"pgregory.net/rapid"

	"github.com/kafisto/kafisto/internal/engine"
	"github.com/kafisto/kafisto/internal/engine/enginetest"
	"github.com/kafisto/kafisto/schedule"
)

func TestConstant(t *testing.T) {
	s := schedule.Constant(0.25)
	for _, step := range []int64{0, 1, math.MaxInt64} {
		if v := s.At(step); v != 0.25 {
			t.Errorf("At(%d) = %g", step, v)
		}
	}
	sameInGraph(t, s, []int64{0, 1, math.MaxInt64})
}

func TestPiecewiseAtItsBoundaries(t *testing.T) {
	s, err := schedule.Piecewise([]int64{1, 4, 5}, []float64{1, 0.5, -2, 0})
	if err != nil {
		t.Fatal(err)
	}
	for step, want := range []float64{1, 0.5, 0.5, 0.5, -2, 0, 0} {
		if v := s.At(int64(step)); v != want {
			t.Errorf("At(%d) = %g, want %g", step, v, want)
		}
	}
	if v := s.At(math.MaxInt64); v != 0 {
		t.Errorf("in the last step there is: %g, want 0", v)
	}
	sameInGraph(t, s, []int64{0, 1, 2, 3, 4, 5, 6, 1 << 40, math.MaxInt64})
}

func TestPiecewiseIsImmutable(t *testing.T) {
	boundaries, values := []int64{2}, []float64{1, 3}
	s, err := schedule.Piecewise(boundaries, values)
	if err != nil {
		t.Fatal(err)
	}
	boundaries[0], values[0] = 1, 9
	if s.At(0) != 1 || s.At(1) != 1 || s.At(2) != 3 {
		t.Errorf("values are %g, %g, %g after the slices changed", s.At(0), s.At(1), s.At(2))
	}
}

// TestStepDecay is the paper's schedule: a factor of 0.1 every 30 of 100
// epochs (section 4), here with 7 steps an epoch.
func TestStepDecay(t *testing.T) {
	s, err := schedule.StepDecay(1, 0.1, 30*7, 100*7)
	if err != nil {
		t.Fatal(err)
	}
	for step, want := range map[int64]float64{0: 1, 209: 1, 210: 0.1, 419: 0.1, 420: 0.01, 629: 0.01, 630: 0.001, 699: 0.001, 700: 0.001, 10_000: 0.001} {
		if v := s.At(step); math.Abs(v-want) > 1e-15 {
			t.Errorf("At(%d) = %g, want %g", step, v, want)
		}
	}
	sameInGraph(t, s, []int64{0, 209, 210, 419, 420, 629, 630, 699, 700, 840, 10_000})
}

// TestStepDecayShort: a run that ends at or before the first boundary has one
// value.
func TestStepDecayShort(t *testing.T) {
	for _, steps := range []int64{1, 5} {
		s, err := schedule.StepDecay(0.5, 0.1, 5, steps)
		if err != nil {
			t.Fatal(err)
		}
		if s.At(0) != 0.5 || s.At(5) != 0.5 {
			t.Errorf("with %d steps: %g, %g", steps, s.At(0), s.At(5))
		}
	}
}

func TestRefuses(t *testing.T) {
	nan := math.NaN()
	for _, c := range []struct {
		boundaries []int64
		values     []float64
		want       string
	}{
		{nil, nil, "0 boundaries need 1 values, got 0"},
		{[]int64{1}, []float64{1}, "1 boundaries need 2 values, got 1"},
		{[]int64{0}, []float64{1, 2}, "boundary 0 is 0"},
		{[]int64{2, 2}, []float64{1, 2, 3}, "boundary 1 is 2"},
		{[]int64{3, 2}, []float64{1, 2, 3}, "boundary 1 is 2"},
		{[]int64{3}, []float64{1, nan}, "value 1 is NaN"},
		{nil, []float64{math.Inf(-1)}, "value 0 is -Inf"},
	} {
		if _, err := schedule.Piecewise(c.boundaries, c.values); err == nil || !strings.Contains(err.Error(), c.want) || !strings.HasPrefix(err.Error(), "schedule: ") {
			t.Errorf("Piecewise(%v, %v): error is %v, want one with %q", c.boundaries, c.values, err, c.want)
		}
	}
	for _, c := range []struct {
		initial, factor float64
		interval, steps int64
	}{{1, 0.1, 0, 10}, {1, 0.1, 5, 0}, {1, 0.1, -1, 10}, {nan, 0.1, 5, 10}, {1, nan, 5, 10}, {1, 1e300, 1, 10}, {1, -0.1, 5, 10}, {1, 0.1, 1, 1001}} {
		if _, err := schedule.StepDecay(c.initial, c.factor, c.interval, c.steps); err == nil {
			t.Errorf("StepDecay(%g, %g, %d, %d) gave no error", c.initial, c.factor, c.interval, c.steps)
		}
	}
}

// TestNodeIsAt draws random schedules and compares both forms around every
// boundary.
func TestNodeIsAt(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		boundaries := rapid.SliceOfNDistinct(rapid.Int64Range(1, 1000), 0, 5, rapid.ID).Draw(rt, "boundaries")
		slices.Sort(boundaries)
		values := rapid.SliceOfN(rapid.Float64Range(-1e9, 1e9), len(boundaries)+1, len(boundaries)+1).Draw(rt, "values")
		s, err := schedule.Piecewise(boundaries, values)
		if err != nil {
			rt.Fatal(err)
		}
		steps := []int64{0}
		for i, b := range boundaries {
			steps = append(steps, b-1, b, b+1)
			if s.At(b-1) != values[i] || s.At(b) != values[i+1] {
				rt.Fatalf("around boundary %d: %g, %g, want %g, %g", b, s.At(b-1), s.At(b), values[i], values[i+1])
			}
		}
		sameInGraph(t, s, steps)
	})
}

// sameInGraph fails where Node differs from At in any bit.
func sameInGraph(t *testing.T, s schedule.Schedule, steps []int64) {
	t.Helper()
	for i, got := range inGraph(t, enginetest.Backend(t, engine.Go), s, steps) {
		if got != s.At(steps[i]) {
			t.Errorf("Node(%d) = %g, At gives %g", steps[i], got, s.At(steps[i]))
		}
	}
}

// nearInGraph fails where Node differs from At by more than 1e-12 of it on some
// engine, or in any bit in the exact steps.
func nearInGraph(t *testing.T, s schedule.Schedule, steps, exact []int64) {
	t.Helper()
	enginetest.Each(t, func(t *testing.T, backend compute.Backend) {
		for i, got := range inGraph(t, backend, s, slices.Concat(exact, steps)) {
			step, tolerance := slices.Concat(exact, steps)[i], 1e-12
			if i < len(exact) {
				tolerance = 0
			}
			if want := s.At(step); !(math.Abs(got-want) <= tolerance*math.Abs(want)) {
				t.Errorf("Node(%d) = %.17g, At gives %.17g", step, got, want)
			}
		}
	})
}

// inGraph returns Node's values.
func inGraph(t *testing.T, backend compute.Backend, s schedule.Schedule, steps []int64) (values []float64) {
	t.Helper()
	exec, err := graph.NewExec(backend, func(step *graph.Node) *graph.Node {
		value := s.Node(step)
		if !value.IsScalar() || value.DType() != dtypes.Float64 {
			t.Errorf("Node is %s, want a Float64 scalar", value.Shape())
		}
		return value
	})
	if err != nil {
		t.Fatal(err)
	}
	defer exec.Finalize()
	for _, step := range steps {
		out, err := exec.Call(step)
		if err != nil {
			t.Fatal(err)
		}
		values = append(values, tensors.ToScalar[float64](out[0]))
	}
	return values
}

// hasValues fails where At is not the wanted value, to 1e-15 of it.
func hasValues(t *testing.T, s schedule.Schedule, want map[int64]float64) {
	t.Helper()
	for step, value := range want {
		if got := s.At(step); !(math.Abs(got-value) <= 1e-15*math.Abs(value)) {
			t.Errorf("At(%d) = %.17g, want %.17g", step, got, value)
		}
	}
}

// refuses fails if there is no error, or one that does not say what is wrong.
func refuses(t *testing.T, s schedule.Schedule, err error, says string) {
	t.Helper()
	if err == nil || s != nil || !strings.HasPrefix(err.Error(), "schedule: ") || !strings.Contains(err.Error(), says) || strings.Contains(err.Error(), "\n") {
		t.Errorf("got %v and the error %v, want one with %q", s, err, says)
	}
}
