package schedule_test

import (
	"math"
	"slices"
	"testing"

	"github.com/kafisto/kafisto/schedule"
)

// printed is what section 5.1 of the paper prints: the factor of the initial
// learning rate from each epoch on.
var printed = map[string]struct {
	epochs int64
	from   map[int64]float64
}{
	"paper-100":          {100, map[int64]float64{0: 1, 30: 0.1, 60: 0.01, 90: 0.001}},
	"paper-200-cifar10":  {200, map[int64]float64{0: 1, 150: 0.1}},
	"paper-200-cifar100": {200, map[int64]float64{0: 1, 60: 0.2, 120: 0.04, 160: 0.008}},
}

// TestPaper looks at every epoch's first and last step, for each optimizer's
// initial learning rate.
func TestPaper(t *testing.T) {
	const stepsPerEpoch = 391
	for _, name := range schedule.PaperNames() {
		p := printed[name]
		if epochs, err := schedule.PaperEpochs(name); err != nil || epochs != p.epochs {
			t.Errorf("%s has %d epochs, want %d (%v)", name, epochs, p.epochs, err)
		}
		for _, initial := range []float64{1, 0.1, 0.0003} {
			s, err := schedule.Paper(name, initial, p.epochs*stepsPerEpoch)
			if err != nil {
				t.Fatal(err)
			}
			factor, around := 1.0, []int64{0}
			for epoch := range p.epochs {
				first := epoch * stepsPerEpoch
				if f, changes := p.from[epoch]; changes {
					factor, around = f, append(around, max(first-1, 0), first, first+1)
				}
				hasValues(t, s, map[int64]float64{first: factor * initial, first + stepsPerEpoch - 1: factor * initial})
			}
			hasValues(t, s, map[int64]float64{p.epochs * stepsPerEpoch: factor * initial, math.MaxInt64: factor * initial})
			sameInGraph(t, s, around)
		}
	}
	if len(schedule.PaperNames()) != len(printed) {
		t.Errorf("the names are %v, want %d", schedule.PaperNames(), len(printed))
	}
}

// TestPaperInProportion: boundaries of another length are the paper's in
// proportion, rounded to whole steps, halves up.
func TestPaperInProportion(t *testing.T) {
	for _, c := range []struct {
		name  string
		steps int64
		want  []int64
	}{
		{"paper-100", 5 * 100, []int64{150, 300, 450}},
		{"paper-100", 5 * 391, []int64{587, 1173, 1760}}, // of 586.5, 1173, 1759.5
		{"paper-100", 101, []int64{30, 61, 91}},          // of 30.3, 60.6, 90.9
		{"paper-100", 3, []int64{1, 2, 3}},               // of 0.9, 1.8, 2.7
		{"paper-200-cifar10", 7, []int64{5}},             // of 5.25
		{"paper-200-cifar10", 2, []int64{2}},             // of 1.5: after the run
		{"paper-200-cifar100", 10 * 391, []int64{1173, 2346, 3128}},
		{"paper-200-cifar100", 5, []int64{2, 3, 4}}, // of 1.5, 3, 4
		{"paper-200-cifar10", math.MaxInt64, []int64{math.MaxInt64/4*3 + 2}},
	} {
		s, err := schedule.Paper(c.name, 1, c.steps)
		if err != nil {
			t.Fatal(err)
		}
		var got []int64
		for _, b := range c.want {
			for step := max(b-2, 1); step <= b+1; step++ {
				if s.At(step) != s.At(step-1) && !slices.Contains(got, step) {
					got = append(got, step)
				}
			}
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%s over %d steps changes at %v, want %v", c.name, c.steps, got, c.want)
		}
	}
}

func TestPaperRefuses(t *testing.T) {
	for _, c := range []struct {
		name    string
		initial float64
		steps   int64
		says    string
	}{
		{"paper-300", 1, 100, `unknown schedule "paper-300": use one of paper-100`},
		{"paper-100", math.NaN(), 100, "starts at NaN"},
		{"paper-100", math.Inf(1), 100, "starts at +Inf"},
		{"paper-100", -1, 100, "starts at -1"},
		{"paper-100", 1, 0, "0 steps"},
		{"paper-100", 1, -5, "-5 steps"},
		{"paper-100", 1, 1, "3 times in 1 steps"},
		{"paper-100", 1, 2, "3 times in 2 steps"},
		{"paper-200-cifar100", 1, 3, "3 times in 3 steps"},
	} {
		s, err := schedule.Paper(c.name, c.initial, c.steps)
		refuses(t, s, err, c.says)
	}
	if _, err := schedule.PaperEpochs("step"); err == nil {
		t.Error("PaperEpochs of an unknown name gave no error")
	}
}

// TestPaperNamesIsACopy: who changes the list changes no schedule.
func TestPaperNamesIsACopy(t *testing.T) {
	schedule.PaperNames()[0] = "changed"
	if _, err := schedule.Paper("paper-100", 1, 100); err != nil || schedule.PaperNames()[0] != "paper-100" {
		t.Errorf("the names are %v (%v)", schedule.PaperNames(), err)
	}
}
