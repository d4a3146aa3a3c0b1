package nn

import (
	. "github.com/gomlx/gomlx/core/graph"
)

// ReLU is max(x, 0). Its gradient at exactly zero is 0, as PyTorch's is; that of GoMLX's Max is 1,
// and takes several more passes over memory.
func ReLU(x *Node) *Node {
	forward := func(inputs []*Node, link *Node) *Node { return Max(inputs[0], link) }
	return withGradient([]*Node{x}, forward, func(adjoint *Node) []*Node {
		positive := GreaterThan(x, ScalarZero(x.Graph(), x.DType()))
		return []*Node{Where(positive, adjoint, ZerosLike(adjoint))}
	})
}
