package nn

import (
	. "github.com/gomlx/gomlx/core/graph"
)

// WithGradient is value with a gradient of its own: differentiated, the result gives each of inputs
// what gradient makes of its adjoint (the derivative of the loss by the result), in their order and
// shapes, and nothing flows into value by other ways. If gradient is built from differentiable
// operations, the result can be differentiated twice.
func WithGradient(value *Node, inputs []*Node, gradient func(adjoint *Node) []*Node) *Node {
	return withGradient(value, inputs, gradient)
}
