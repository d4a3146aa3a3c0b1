package schedule

import (
	"github.com/gomlx/gomlx/core/graph"
)

type constant float64

// Constant is the schedule that has the same value in every step.
func Constant(value float64) Schedule { return constant(value) }

func (c constant) At(int64) float64 { return float64(c) }

func (c constant) Node(step *graph.Node) *graph.Node {
	return graph.Const(step.Graph(), float64(c))
}

// IsConstant tells whether a schedule was made by Constant.
func IsConstant(s Schedule) bool {
	_, is := s.(constant)
	return is
}
