package nn

import (
	"github.com/gomlx/compute/shapes"
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/support/exceptions"
)

// backward gives the adjoints of an operation's inputs (the gradients of the loss with respect to
// them), in their order and shapes, from the adjoint of its value.
type backward func(adjoint *Node) []*Node

// withGradient is value, which was computed from inputs, with its own gradient in place of the one
// that automatic differentiation would find. If backward is built from differentiable operations,
// the result can be differentiated twice.
//
// It is made of GoMLX's scheduling barrier, which passes value on and names inputs as dependencies:
// free on the pure-Go backend, and on XLA an addition of zero that fuses into what comes next.
func withGradient(value *Node, inputs []*Node, gradient backward) *Node {
	result := SchedulingBarrier(value, inputs...)
	backwards(result.Graph())[result] = func(adjoints []*Node) []*Node {
		return append([]*Node{nil}, gradient(adjoints[0])...) // nothing flows into the value itself
	}
	return result
}

// setGradient gives a call of a function, of which outputs are all results, its gradient: the
// adjoints of its inputs from those of its outputs, of which some may be nil (nothing flows back).
func setGradient(outputs []*Node, gradient func(adjoints []*Node) []*Node) {
	call := outputs[0]
	if call.Type() != NodeTypeCall {
		call = call.Inputs()[0] // outputs are parts of it
	}
	backwards(call.Graph())[call] = gradient
}

// backwardsKey is the key of a graph's state under which backwards keeps its table.
type backwardsKey struct{}

// backwards is the graph's table of gradients that belong to the barriers of withGradient and the
// calls of setGradient.
func backwards(g *Graph) map[*Node]func(adjoints []*Node) []*Node {
	table, ok := g.State(backwardsKey{}).(map[*Node]func([]*Node) []*Node)
	if !ok {
		table = make(map[*Node]func([]*Node) []*Node)
		g.AttachState(backwardsKey{}, table)
	}
	return table
}

// init teaches automatic differentiation these gradients; all other barriers and calls keep theirs.
// GoMLX offers its table of gradients for such extensions.
func init() {
	for _, kind := range []NodeType{NodeTypeSchedulingBarrier, NodeTypeCall} {
		original := VJPRegistration[kind]
		VJPRegistration[kind] = func(node *Node, adjoints []*Node, shape shapes.Shape) []*Node {
			if gradient, ok := backwards(node.Graph())[node]; ok {
				return gradient(adjoints)
			}
			if original == nil {
				exceptions.Panicf("nn: %s has no gradient", node)
			}
			return original(node, adjoints, shape)
		}
	}
}
