package schedule_test

import (
	"math"
	"testing"

	"pgregory.net/rapid"

	"github.com/kafisto/kafisto/schedule"
)

func cosineOf(t testing.TB, initial, final float64, steps int64) schedule.Schedule {
	t.Helper()
	s, err := schedule.Cosine(initial, final, steps)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// TestCosine has values that are known in closed form: cos(pi/3) is 1/2.
func TestCosine(t *testing.T) {
	root := math.Sqrt(0.5)
	hasValues(t, cosineOf(t, 0.1, 0, 12), map[int64]float64{
		0: 0.1, 3: 0.1 * (1 + root) / 2, 4: 0.1 * 0.75, 6: 0.1 * 0.5, 8: 0.1 * 0.25, 9: 0.1 * 0.25 / (1 + root), 12: 0, 13: 0, math.MaxInt64: 0,
	})
	hasValues(t, cosineOf(t, 1, 3, 12), map[int64]float64{0: 1, 4: 1.5, 6: 2, 8: 2.5, 12: 3, 13: 3})
	hasValues(t, cosineOf(t, -2, 2, 1), map[int64]float64{0: -2, 1: 2, 2: 2})
}

// TestCosineIsTheFormula compares with the formula of the documentation, and
// holds the ends to the bit.
func TestCosineIsTheFormula(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		value := rapid.Float64Range(-1e3, 1e3)
		initial, final, steps := value.Draw(rt, "initial"), value.Draw(rt, "final"), rapid.Int64Range(1, 1e6).Draw(rt, "steps")
		s := cosineOf(t, initial, final, steps)
		step := rapid.Int64Range(0, steps-1).Draw(rt, "step")
		want := final + (initial-final)*(1+math.Cos(math.Pi*float64(step)/float64(steps)))/2
		if got := s.At(step); math.Abs(got-want) > 1e-15*4*max(math.Abs(initial), math.Abs(final)) {
			rt.Errorf("At(%d) = %.17g, want %.17g", step, got, want)
		}
		if s.At(0) != initial || s.At(steps) != final || s.At(steps+1) != final {
			rt.Errorf("the ends are %g, %g, %g", s.At(0), s.At(steps), s.At(steps+1))
		}
	})
}

func TestCosineNodeIsAt(t *testing.T) {
	for _, steps := range []int64{1, 2, 49, 39_100} { // 49 times its own reciprocal is below 1
		nearInGraph(t, cosineOf(t, 0.1, 0, steps), []int64{1, steps / 3, steps / 2, steps - 1}, []int64{0, steps, steps + 1, math.MaxInt64})
		nearInGraph(t, cosineOf(t, 1e-3, 0.7, steps), []int64{1, steps / 3, steps / 2, steps - 1}, []int64{0, steps, steps + 1, math.MaxInt64})
	}
}

func TestCosineRefuses(t *testing.T) {
	for _, c := range []struct {
		initial, final float64
		steps          int64
		says           string
	}{
		{math.NaN(), 0, 10, "from NaN to 0"},
		{1, math.NaN(), 10, "to NaN"},
		{math.Inf(1), 0, 10, "from +Inf"},
		{1, math.Inf(-1), 10, "to -Inf"},
		{1, 0, 0, "over 0 steps"},
		{1, 0, -1, "over -1 steps"},
	} {
		s, err := schedule.Cosine(c.initial, c.final, c.steps)
		refuses(t, s, err, c.says)
	}
}
