package nn

import (
	"github.com/gomlx/compute/shapes"
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/ml/model"
	"github.com/gomlx/gomlx/support/exceptions"
)

// Linear is x times a matrix plus a bias: x is [batch, in], the result [batch, out]. It creates the
// trainable variables "weights", [in, out], and "biases", [out], directly in scope, with PyTorch's
// starting values ([FanInUniform]).
func Linear(scope *model.Scope, x *Node, out int) *Node {
	return LinearFrom(scope, x, out, nil)
}

// LinearFrom is [Linear] with other starting values of the weights, and not of the biases; nil is
// [FanInUniform].
func LinearFrom(scope *model.Scope, x *Node, out int, initializer model.VariableInitializer) *Node {
	if x.Rank() != 2 {
		exceptions.Panicf("nn: linear layer %s: input must be [batch, features], it is %s", scope.Scope(), x.Shape())
	}
	if out < 1 {
		exceptions.Panicf("nn: linear layer %s: number of outputs is %d, it must be at least 1", scope.Scope(), out)
	}
	in := x.Shape().Dimensions[1]
	if initializer == nil {
		initializer = FanInUniform(scope, in)
	}
	weights := scope.WithInitializer(initializer).VariableWithShape("weights", shapes.Make(x.DType(), in, out))
	return addBias(scope, Dot(x, value(weights, x.Graph())).Product(), in)
}
