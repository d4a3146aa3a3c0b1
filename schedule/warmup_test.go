package schedule_test

import (
	"math"
	"testing"

	"github.com/kafisto/kafisto/schedule"
)

func warmUpOf(t *testing.T, inner schedule.Schedule, steps int64) schedule.Schedule {
	t.Helper()
	s, err := schedule.WarmUp(inner, steps)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// TestWarmUp looks at every step of the warm-up, and after its end.
func TestWarmUp(t *testing.T) {
	s := warmUpOf(t, schedule.Constant(0.5), 4)
	for step, want := range []float64{0.125, 0.25, 0.375, 0.5, 0.5, 0.5} {
		if got := s.At(int64(step)); got != want {
			t.Errorf("At(%d) = %g, want %g", step, got, want)
		}
	}
	sameInGraph(t, s, []int64{0, 1, 2, 3, 4, 5, math.MaxInt64})
}

// TestWarmUpDoesNotShift: boundaries of the inner schedule stay where they are,
// also within the warm-up, and afterwards it has the inner schedule's bits.
func TestWarmUpDoesNotShift(t *testing.T) {
	paper, err := schedule.Paper("paper-200-cifar100", 0.1, 100)
	if err != nil {
		t.Fatal(err)
	}
	for _, inner := range []schedule.Schedule{paper, cosineOf(t, 0.1, 0.01, 100)} {
		for _, steps := range []int64{1, 5, 49, 70} {
			s := warmUpOf(t, inner, steps)
			for step := range int64(120) {
				want := inner.At(step)
				if step < steps-1 {
					want *= float64(step+1) / float64(steps)
				}
				if got := s.At(step); got != want {
					t.Errorf("over %d steps: At(%d) = %g, want %g", steps, step, got, want)
				}
			}
			nearInGraph(t, s, []int64{0, 1, max(steps-2, 0), steps, 29, 30, 31, 59, 60, 61}, nil)
		}
	}
	nearInGraph(t, warmUpOf(t, paper, 49), []int64{0, 1, 47}, []int64{48, 49, 50, 59, 60, 79, 80, math.MaxInt64})
}

func TestWarmUpRefuses(t *testing.T) {
	for _, c := range []struct {
		inner schedule.Schedule
		steps int64
		says  string
	}{
		{nil, 5, "of nil"},
		{schedule.Constant(1), 0, "over 0 steps"},
		{schedule.Constant(1), -2, "over -2 steps"},
	} {
		s, err := schedule.WarmUp(c.inner, c.steps)
		refuses(t, s, err, c.says)
	}
}
