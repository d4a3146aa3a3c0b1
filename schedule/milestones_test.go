package schedule_test

import (
	"math"
	"testing"

	"github.com/kafisto/kafisto/schedule"
)

func TestMilestones(t *testing.T) {
	s, err := schedule.Milestones(0.5, 0.25, 1, 7, 8, 1<<40)
	if err != nil {
		t.Fatal(err)
	}
	steps := []int64{0, 1, 2, 6, 7, 8, 9, 1<<40 - 1, 1 << 40, 1<<40 + 1, math.MaxInt64}
	for i, want := range []float64{0.5, 0.125, 0.125, 0.125, 1. / 32, 1. / 128, 1. / 128, 1. / 128, 1. / 512, 1. / 512, 1. / 512} {
		if got := s.At(steps[i]); got != want {
			t.Errorf("At(%d) = %g, want %g", steps[i], got, want)
		}
	}
	sameInGraph(t, s, steps)
}

// TestMilestonesOfNothing: without boundaries it is a constant, at a factor of
// 0 it ends at 0.
func TestMilestonesOfNothing(t *testing.T) {
	s, err := schedule.Milestones(-3, 0.1)
	if err != nil || s.At(0) != -3 || s.At(1<<50) != -3 {
		t.Errorf("without boundaries: %v, %v", s, err)
	}
	s, err = schedule.Milestones(3, 0, 2, 4)
	if err != nil || s.At(1) != 3 || s.At(2) != 0 || s.At(4) != 0 {
		t.Errorf("with a factor of 0: %v, %v", s, err)
	}
}

// TestMilestonesAreStepDecay: at equal distances both have the same bits.
func TestMilestonesAreStepDecay(t *testing.T) {
	one, err := schedule.Milestones(0.3, 0.1, 30, 60, 90)
	if err != nil {
		t.Fatal(err)
	}
	other, err := schedule.StepDecay(0.3, 0.1, 30, 100)
	if err != nil {
		t.Fatal(err)
	}
	for step := range int64(120) {
		if one.At(step) != other.At(step) {
			t.Errorf("At(%d) = %g, as a step decay %g", step, one.At(step), other.At(step))
		}
	}
}

func TestMilestonesIsImmutable(t *testing.T) {
	boundaries := []int64{2, 4}
	s, err := schedule.Milestones(1, 0.5, boundaries...)
	if err != nil {
		t.Fatal(err)
	}
	boundaries[0] = 1
	if s.At(1) != 1 || s.At(2) != 0.5 {
		t.Errorf("values are %g, %g after the boundaries changed", s.At(1), s.At(2))
	}
}

func TestMilestonesRefuses(t *testing.T) {
	nan, inf := math.NaN(), math.Inf(1)
	for _, c := range []struct {
		initial, factor float64
		boundaries      []int64
		says            string
	}{
		{nan, 0.1, []int64{1}, "value 0 is NaN"},
		{-inf, 0.1, []int64{1}, "value 0 is -Inf"},
		{1, nan, []int64{1}, "factor is NaN"},
		{1, inf, nil, "factor is +Inf"},
		{1, -0.1, []int64{1}, "factor is -0.1"},
		{1, 1e300, []int64{1, 2}, "value 2 is +Inf"},
		{1, 0.1, []int64{0}, "boundary 0 is 0"},
		{1, 0.1, []int64{-3}, "boundary 0 is -3"},
		{1, 0.1, []int64{5, 5}, "boundary 1 is 5"},
		{1, 0.1, []int64{5, 4}, "boundary 1 is 4"},
		{1, 0.1, make([]int64, 1000), "the most are 1000"},
	} {
		s, err := schedule.Milestones(c.initial, c.factor, c.boundaries...)
		refuses(t, s, err, c.says)
	}
}
