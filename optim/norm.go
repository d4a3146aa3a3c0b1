package optim

import (
	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/gomlx/core/graph"
)

// globalNorm is the Euclidean norm of all gradients together, a Float64
// scalar.
func globalNorm(gradients []*graph.Node) *graph.Node {
	var sum *graph.Node
	for _, gradient := range gradients {
		square := convert(graph.ReduceAllSum(graph.Square(gradient)), dtypes.Float64)
		if sum == nil {
			sum = square
		} else {
			sum = graph.Add(sum, square)
		}
	}
	return graph.Sqrt(sum)
}

// clip scales the gradients in place by min(1, largest / (norm + 1e-6)), as
// torch.nn.utils.clip_grad_norm_ does.
func clip(gradients []*graph.Node, norm *graph.Node, largest float64) {
	factor := graph.MinScalar(graph.Div(graph.Const(norm.Graph(), largest), graph.AddScalar(norm, 1e-6)), 1)
	for i, gradient := range gradients {
		gradients[i] = graph.Mul(gradient, convert(factor, gradient.DType()))
	}
}
