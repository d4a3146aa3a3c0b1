package schedule

import (
	"fmt"
	"math"
)

// maxPieces bounds the pieces that StepDecay and Milestones make, each of which
// is a node in the graph.
const maxPieces = 1000

// Milestones starts at initial and is multiplied by factor at each boundary: it
// is initial before step boundaries[0], and initial times factor to the power of
// i+1 from step boundaries[i] on. Boundaries must rise strictly and be at least
// 1; initial must be finite; factor must be finite and at least 0.
func Milestones(initial, factor float64, boundaries ...int64) (Schedule, error) {
	if !(factor >= 0) || math.IsInf(factor, 1) { // NaN fails too
		return nil, fmt.Errorf("schedule: the factor is %g: it must be finite and at least 0", factor)
	}
	if len(boundaries) >= maxPieces {
		return nil, fmt.Errorf("schedule: %d boundaries make %d pieces, the most are %d: decrease less often", len(boundaries), len(boundaries)+1, maxPieces)
	}
	values := []float64{initial}
	for i := range boundaries {
		values = append(values, initial*math.Pow(factor, float64(i+1)))
	}
	return Piecewise(boundaries, values)
}

// StepDecay multiplies initial by factor every interval steps: the paper's
// "decrease the learning rate by a factor of 0.1 every 30 epochs" is
// StepDecay(1, 0.1, 30*stepsPerEpoch, 100*stepsPerEpoch). steps is the length
// of the run; the value stays at its last from there on.
func StepDecay(initial, factor float64, interval, steps int64) (Schedule, error) {
	if interval < 1 || steps < 1 {
		return nil, fmt.Errorf("schedule: step decay needs an interval and a length of at least 1 step, got %d and %d", interval, steps)
	}
	pieces := (steps-1)/interval + 1
	if pieces > maxPieces {
		return nil, fmt.Errorf("schedule: a decrease every %d of %d steps makes %d pieces, the most are %d: decrease less often", interval, steps, pieces, maxPieces)
	}
	var boundaries []int64
	for i := int64(1); i < pieces; i++ {
		boundaries = append(boundaries, i*interval)
	}
	return Milestones(initial, factor, boundaries...)
}
