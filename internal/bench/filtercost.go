package bench

import (
	"context"
	"runtime/debug"
	"slices"

	"github.com/kafisto/kafisto/internal/engine"
)

// FilterCost is what KaFiStO costs a ResNet-18 step, compared with SGD with
// momentum. Times are medians in seconds.
type FilterCost struct {
	Pairs   int     `json:"pairs"`
	KaFiStO float64 `json:"kafisto_s"` // predict and update alone
	SGD     float64 `json:"sgd_s"`     // update alone
	// Difference is the median over the pairs of KaFiStO minus SGD.
	Difference float64 `json:"difference_s"`
	// Step is the whole training step of ResNet-18 with SGD.
	Step float64 `json:"step_s"`
	// Share is Difference over Step.
	Share float64 `json:"share"`
	// Times is the median over the pairs of KaFiStO over SGD.
	Times float64 `json:"times_sgd"`
}

// filterCost times pairs of optimizer steps, KaFiStO and SGD one after the
// other, and whole SGD steps, half of them before the pairs and half after.
var filterCost = Case{
	Name: "filter-cost", Unit: "images", Batch: 128,
	About:   "KaFiStO's step alone minus SGD's, in pairs, over a whole SGD step of resnet18",
	measure: measureFilterCost,
}

func measureFilterCost(ctx context.Context, e *engine.Engine, o Options) (Measurement, error) {
	o.Optimizer = "sgd"
	before, err := wholeSteps(ctx, e, o)
	if err != nil {
		return Measurement{}, err
	}
	pairs, err := timePairs(ctx, e, o)
	if err != nil {
		return Measurement{}, err
	}
	after, err := wholeSteps(ctx, e, o)
	if err != nil {
		return Measurement{}, err
	}
	steps := slices.Concat(before[o.Warmup:], after[o.Warmup:])
	m := Measurement{
		Optimizer: o.Optimizer, Steps: len(steps), Median: median(steps), Min: slices.Min(steps),
		Compile: before[0] - before[1],
	}
	m.ItemsPerSecond = float64(o.Batch) / m.Median
	m.Filter = pairs.cost(m.Median)
	return m, nil
}

// wholeSteps times whole training steps, and leaves nothing of them in memory,
// which the pure-Go backend would go through while the optimizers are timed.
func wholeSteps(ctx context.Context, e *engine.Engine, o Options) ([]float64, error) {
	whole, err := trained[0].prepare(ctx, e, o)
	if err != nil {
		return nil, err
	}
	seconds, err := repeat(ctx, o.Warmup+(o.Steps+1)/2, whole.step)
	whole.close()
	debug.FreeOSMemory()
	return seconds, err
}

// pairTimes are the seconds of each pair's two steps.
type pairTimes struct{ kafisto, sgd []float64 }

// timePairs times the pairs; which of the two is first changes from pair to pair.
func timePairs(ctx context.Context, e *engine.Engine, o Options) (pairTimes, error) {
	var t pairTimes
	kafisto, err := newOptimizerWork(e.Backend, "kafisto", optimized)
	if err != nil {
		return t, err
	}
	defer kafisto.close()
	sgd, err := newOptimizerWork(e.Backend, "sgd", optimized)
	if err != nil {
		return t, err
	}
	defer sgd.close()
	for i := range o.Warmup + o.Pairs {
		turns := []*graphWork{kafisto, sgd}
		if i%2 == 1 {
			slices.Reverse(turns)
		}
		var seconds [2]float64
		for j, turn := range turns {
			one, err := repeat(ctx, 1, turn.step)
			if err != nil {
				return t, err
			}
			seconds[j] = one[0]
		}
		if i%2 == 1 {
			slices.Reverse(seconds[:])
		}
		if i >= o.Warmup {
			t.kafisto, t.sgd = append(t.kafisto, seconds[0]), append(t.sgd, seconds[1])
		}
	}
	return t, nil
}

// cost sums the pairs up, beside a whole step of so many seconds.
func (t pairTimes) cost(step float64) *FilterCost {
	var differences, quotients []float64
	for i := range t.kafisto {
		differences = append(differences, t.kafisto[i]-t.sgd[i])
		quotients = append(quotients, t.kafisto[i]/t.sgd[i])
	}
	c := &FilterCost{
		Pairs: len(differences), KaFiStO: median(t.kafisto), SGD: median(t.sgd),
		Difference: median(differences), Step: step, Times: median(quotients),
	}
	c.Share = c.Difference / step
	return c
}
