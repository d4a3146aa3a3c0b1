package schedule

import (
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/gomlx/gomlx/core/graph"
)

type piecewise struct {
	boundaries []int64
	values     []float64
}

// Piecewise is constant between boundaries: values[0] before step
// boundaries[0], values[i] from boundaries[i-1] on, so that len(values) is
// len(boundaries)+1. Boundaries must rise strictly and be at least 1, values
// must be finite.
func Piecewise(boundaries []int64, values []float64) (Schedule, error) {
	if len(values) != len(boundaries)+1 {
		return nil, fmt.Errorf("schedule: %d boundaries need %d values, got %d", len(boundaries), len(boundaries)+1, len(values))
	}
	for i, b := range boundaries {
		if b < 1 || i > 0 && b <= boundaries[i-1] {
			return nil, fmt.Errorf("schedule: boundary %d is %d: boundaries must be at least 1 and rise strictly", i, b)
		}
	}
	for i, v := range values {
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return nil, fmt.Errorf("schedule: value %d is %g: values must be finite", i, v)
		}
	}
	return piecewise{slices.Clone(boundaries), slices.Clone(values)}, nil
}

// PerStep has its own value for each step, and the last one from the end of
// values on. Runs of equal values cost one node in a graph.
func PerStep(values []float64) (Schedule, error) {
	if len(values) == 0 {
		return nil, errors.New("schedule: no values: give at least one")
	}
	var boundaries []int64
	pieces := values[:1:1]
	for i, v := range values[1:] {
		if v != pieces[len(pieces)-1] {
			boundaries, pieces = append(boundaries, int64(i)+1), append(pieces, v)
		}
	}
	return Piecewise(boundaries, pieces)
}

func (p piecewise) At(step int64) float64 {
	i, at := slices.BinarySearch(p.boundaries, step)
	if at {
		i++
	}
	return p.values[i]
}

func (p piecewise) Node(step *graph.Node) *graph.Node {
	g := step.Graph()
	value := graph.Const(g, p.values[0])
	for i, b := range p.boundaries {
		value = graph.Where(graph.GreaterOrEqual(step, graph.Const(g, b)), graph.Const(g, p.values[i+1]), value)
	}
	return value
}
