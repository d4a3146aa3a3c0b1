package nn

import (
	. "github.com/gomlx/gomlx/core/graph"

	"github.com/kafisto/kafisto/internal/gradient"
)

// ReLU is max(x, 0). Its gradient at exactly zero is 0, as PyTorch's is; that of GoMLX's Max is 1,
// and takes several more passes over memory.
func ReLU(x *Node) *Node {
	zero := ScalarZero(x.Graph(), x.DType())
	y := Max(x, zero)
	return gradient.With(y, []*Node{x}, func(adjoint *Node) []*Node {
		return []*Node{Where(GreaterThan(y, zero), adjoint, ZerosLike(adjoint))}
	})
}
