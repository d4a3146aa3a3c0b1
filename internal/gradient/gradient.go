// Package gradient gives a piece of a GoMLX graph a gradient of its own.
package gradient

import (
	"github.com/gomlx/compute/shapes"
	. "github.com/gomlx/gomlx/core/graph"
)

// Backward gives the adjoints of an operation's inputs (the gradients of the loss with respect to
// them), in their order and shapes, from the adjoint of its value.
type Backward func(adjoint *Node) []*Node

// With is value, which was computed from inputs, with its own gradient in place of the one
// that automatic differentiation would find. If the gradient is built from differentiable operations,
// the result can be differentiated twice.
//
// It is made of GoMLX's scheduling barrier, which passes value on and names inputs as dependencies:
// on XLA an addition of zero that fuses into what comes next, and free on the pure-Go backend unless
// value is used by something else too, which makes it a copy: a gradient that needs the value should
// use the result of With.
func With(value *Node, inputs []*Node, gradient Backward) *Node {
	result := SchedulingBarrier(value, inputs...)
	backwards(result.Graph())[result] = gradient
	return result
}

// backwardsKey is the key of a graph's state under which backwards keeps its table.
type backwardsKey struct{}

// backwards is the graph's table of gradients that belong to the barriers of With.
func backwards(g *Graph) map[*Node]Backward {
	table, ok := g.State(backwardsKey{}).(map[*Node]Backward)
	if !ok {
		table = make(map[*Node]Backward)
		g.AttachState(backwardsKey{}, table)
	}
	return table
}

// init teaches automatic differentiation the barriers of With; all others keep their
// gradient. GoMLX offers its table of gradients for such extensions.
func init() {
	original := VJPRegistration[NodeTypeSchedulingBarrier]
	VJPRegistration[NodeTypeSchedulingBarrier] = func(node *Node, adjoints []*Node, shape shapes.Shape) []*Node {
		gradient, ok := backwards(node.Graph())[node]
		if !ok {
			return original(node, adjoints, shape)
		}
		return append([]*Node{nil}, gradient(adjoints[0])...) // nothing flows into the value itself
	}
}
