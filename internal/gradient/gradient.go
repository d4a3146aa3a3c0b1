// Package gradient gives a piece of a GoMLX graph a gradient of its own.
package gradient

import (
	"github.com/gomlx/compute"
	"github.com/gomlx/compute/shapes"
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/support/exceptions"
)

// Backward gives the adjoints of an operation's inputs (the gradients of the loss with respect to
// them), in their order and shapes, from the adjoint of its value.
type Backward func(adjoint *Node) []*Node

// With is value, which was computed from inputs, with its own gradient in place of the one that
// automatic differentiation would find. If the gradient is built from differentiable operations, the
// result can be differentiated twice.
//
// Automatic differentiation has to come by: it sees a scheduling barrier that names the inputs as
// dependencies, and whose gradient is taken from a table of the graph. What the barrier passes on
// differs, because it shall cost nothing:
//
//   - On the pure-Go backend it is value itself, free unless value is used by something else too,
//     which makes it a copy: a gradient that needs the value should use the result of With.
//   - XLA would add a zero that depends on all inputs to every number. So there it is a scalar, and
//     the filling of a padding of value by nothing, which XLA removes together with its filling.
func With(value *Node, inputs []*Node, gradient Backward) *Node {
	g := value.Graph()
	own := &ownGradient{gradient: gradient}
	if g.Backend().String() == "go" || value.IsScalar() {
		result := SchedulingBarrier(value, inputs...)
		owns(g)[result] = own
		return result
	}
	barrier := SchedulingBarrier(ScalarZero(g, value.DType()), inputs...)
	result := Pad(value, barrier, make([]compute.PadAxis, value.Rank())...)
	owns(g)[barrier], owns(g)[result] = own, own
	return result
}

// ownGradient is the gradient of one call of With.
type ownGradient struct {
	gradient Backward
	adjoint  *Node // of a padding, for its barrier, which automatic differentiation reaches after it
}

// ofBarrier are the adjoints of the barrier's operand, into which nothing flows, and dependencies.
func (o *ownGradient) ofBarrier(adjoint *Node) []*Node {
	if o.adjoint != nil {
		adjoint, o.adjoint = o.adjoint, nil
	}
	return append([]*Node{nil}, o.gradient(adjoint)...)
}

// ofPadding are the adjoints of a padding's operand and filling: the barrier, which is only called to
// have its turn.
func (o *ownGradient) ofPadding(adjoint *Node) []*Node {
	o.adjoint = adjoint
	return []*Node{nil, ScalarZero(adjoint.Graph(), adjoint.DType())}
}

// OfCall gives a call of a function, of which outputs are all results, its gradient: the adjoints of
// its inputs, nil where nothing flows back, from those of its outputs, zeros where nothing arrives.
// GoMLX has none for calls.
func OfCall(outputs []*Node, gradient func(adjoints []*Node) []*Node) {
	call := outputs[0]
	if call.Type() != NodeTypeCall {
		call = call.Inputs()[0] // outputs are parts of it
	}
	calls(call.Graph())[call] = gradient
}

// callsKey is the key of a graph's state under which calls keeps its table.
type callsKey struct{}

// calls is the graph's table of gradients that belong to the nodes of OfCall.
func calls(g *Graph) map[*Node]func(adjoints []*Node) []*Node {
	table, ok := g.State(callsKey{}).(map[*Node]func([]*Node) []*Node)
	if !ok {
		table = make(map[*Node]func([]*Node) []*Node)
		g.AttachState(callsKey{}, table)
	}
	return table
}

// ownsKey is the key of a graph's state under which owns keeps its table.
type ownsKey struct{}

// owns is the graph's table of gradients that belong to the nodes of With.
func owns(g *Graph) map[*Node]*ownGradient {
	table, ok := g.State(ownsKey{}).(map[*Node]*ownGradient)
	if !ok {
		table = make(map[*Node]*ownGradient)
		g.AttachState(ownsKey{}, table)
	}
	return table
}

// init teaches automatic differentiation the nodes of With; all others of their types keep their
// gradient. GoMLX offers its table of gradients for such extensions.
func init() {
	register := func(kind NodeType, adjoints func(o *ownGradient, adjoint *Node) []*Node) {
		original := VJPRegistration[kind]
		VJPRegistration[kind] = func(node *Node, outputs []*Node, shape shapes.Shape) []*Node {
			if own, ok := owns(node.Graph())[node]; ok {
				return adjoints(own, outputs[0])
			}
			return original(node, outputs, shape)
		}
	}
	register(NodeTypeSchedulingBarrier, (*ownGradient).ofBarrier)
	register(NodeTypePad, (*ownGradient).ofPadding)
	VJPRegistration[NodeTypeCall] = func(node *Node, outputs []*Node, _ shapes.Shape) []*Node {
		gradient, ok := calls(node.Graph())[node]
		if !ok {
			exceptions.Panicf("gradient: %s has no gradient", node)
		}
		return gradient(outputs)
	}
}
