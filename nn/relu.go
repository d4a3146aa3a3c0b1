package nn

import (
	"github.com/gomlx/compute"
	. "github.com/gomlx/gomlx/core/graph"

	"github.com/kafisto/kafisto/internal/gradient"
)

// ReLU is max(x, 0). Its gradient at exactly zero is 0, as PyTorch's is; that of GoMLX's Max is 1,
// and takes several more passes over memory.
func ReLU(x *Node) *Node {
	var y *Node
	y = gradient.With(Max(x, ScalarZero(x.Graph(), x.DType())), []*Node{x}, func(adjoint *Node) []*Node {
		return []*Node{wherePositive(y, adjoint)}
	})
	return y
}

// wherePositive is v where y is above zero, and 0 elsewhere. It is differentiable for v; for y its
// gradient is zero.
func wherePositive(y, v *Node) *Node {
	var kept *Node
	if y.Graph().Backend().Capabilities().Operations[compute.OpTypeFusedActivationVJP] {
		// One pass over memory on all processors, where the pure-Go backend has it.
		kept = BackendFusedActivationVJP(y, nil, v, compute.ActivationConfig{Type: compute.ActivationRelu})
	} else {
		kept = Where(GreaterThan(y, ScalarZero(y.Graph(), y.DType())), v, ZerosLike(v))
	}
	return gradient.With(kept, []*Node{v}, func(adjoint *Node) []*Node {
		return []*Node{wherePositive(y, adjoint)}
	})
}

// LeakyReLU is x where x is above zero, and slope times x elsewhere, in x's shape and number type. Its
// gradient at exactly zero is the slope, as PyTorch's is. It can be differentiated as often as one
// likes.
//
// Reference: Maas, Hannun and Ng, "Rectifier Nonlinearities Improve Neural Network Acoustic Models", 2013.
func LeakyReLU(x *Node, slope float64) *Node {
	g, dtype := x.Graph(), x.DType()
	factor := Where(GreaterThan(x, ScalarZero(g, dtype)), Scalar(g, dtype, 1), Scalar(g, dtype, slope))
	return Mul(x, StopGradient(factor))
}
