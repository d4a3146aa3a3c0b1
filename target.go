package kafisto

import (
	"fmt"

	"github.com/gomlx/gomlx/core/graph"

	"github.com/kafisto/kafisto/schedule"
)

// Target is the loss Lmin that the filter aims at (sections 3.4 and 5.2). The
// zero Target is the constant 0.
type Target struct {
	kind  targetKind
	value schedule.Schedule
}

type targetKind int

const (
	targetZero targetKind = iota
	targetConstant
	targetFraction
	targetOffset
)

// ConstantTarget aims at the given loss: Lmin = loss.
func ConstantTarget(loss schedule.Schedule) Target { return Target{targetConstant, loss} }

// FractionTarget aims at Lmin = (1-epsilon) L, which makes the step epsilon
// times the step with Lmin = 0: a schedule on epsilon is a learning rate
// schedule (section 3.4).
func FractionTarget(epsilon schedule.Schedule) Target { return Target{targetFraction, epsilon} }

// OffsetTarget aims at Lmin = L - u, for losses that have no lower bound
// (section 5.2, where u = 4 in the GAN experiments).
func OffsetTarget(u schedule.Schedule) Target { return Target{targetOffset, u} }

// first is the schedule's value in the first step; 0 for the zero Target.
func (t Target) first() float64 {
	if t.kind == targetZero {
		return 0
	}
	return t.value.At(0)
}

// String describes the target in its first step, for records.
func (t Target) String() string {
	switch t.kind {
	case targetConstant:
		return fmt.Sprintf("%g", t.value.At(0))
	case targetFraction:
		return fmt.Sprintf("(1-%g) L", t.value.At(0))
	case targetOffset:
		return fmt.Sprintf("L-%g", t.value.At(0))
	default:
		return "0"
	}
}

// excess returns L - Lmin, of L's shape, without the rounding of a subtraction
// where Lmin follows L.
func (t Target) excess(L, step *graph.Node) *graph.Node {
	switch t.kind {
	case targetConstant:
		return graph.Sub(L, t.value.Node(step))
	case targetFraction:
		return graph.Mul(t.value.Node(step), L)
	case targetOffset:
		return graph.BroadcastToShape(t.value.Node(step), L.Shape())
	default:
		return L
	}
}
