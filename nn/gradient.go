package nn

import (
	. "github.com/gomlx/gomlx/core/graph"
)

// withGradient builds an operation that has its own gradient.
//
// forward builds the value. It gets the inputs, with the gradient stopped, and link, a scalar that
// is always zero: forward must add it to something that reaches the value, best to something small.
// Automatic differentiation finds its way from the value to the inputs along the link, and nothing
// else.
//
// backward is called once for each derivative that is taken. It gets the adjoint of the value (the
// gradient of the loss with respect to it) and returns those of the inputs, in their order and
// shapes. If it is built from differentiable operations on the inputs themselves, the operation can
// be differentiated twice.
func withGradient(
	inputs []*Node,
	forward func(inputs []*Node, link *Node) *Node,
	backward func(adjoint *Node) []*Node,
) *Node {
	var adjoints []*Node
	stopped := make([]*Node, len(inputs))
	var link *Node
	for i, input := range inputs {
		stopped[i] = StopGradient(input)
		// The adjoint that arrives here along the link means nothing: the true one takes its place.
		marked := IdentityWithCustomGradient(input, func(_, _ *Node) *Node { return adjoints[i] })
		term := firstElement(marked)
		if link == nil {
			link = term
		} else {
			link = Add(link, term)
		}
	}
	link = MulScalar(link, 0)
	// Differentiation visits the value before the inputs, so the adjoints are there when asked for.
	return IdentityWithCustomGradient(forward(stopped, link), func(_, adjoint *Node) *Node {
		adjoints = backward(adjoint)
		return adjoint
	})
}

// firstElement is the first element of x as a scalar.
func firstElement(x *Node) *Node {
	if x.Rank() == 0 {
		return x
	}
	first := make([]SliceAxisSpec, x.Rank())
	for axis := range first {
		first[axis] = AxisElem(0)
	}
	return Reshape(Slice(x, first...))
}
