package nn

import (
	"slices"

	"github.com/gomlx/compute/shapes"
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/ml/model"
	"github.com/gomlx/gomlx/support/exceptions"
)

// Linear is x times a matrix plus a bias: x is [..., in], as [batch, in] or [time, batch, in], the
// result [..., out]. It creates the trainable variables "weights", [in, out], and "biases", [out],
// directly in scope, with PyTorch's starting values ([FanInUniform]).
func Linear(scope *model.Scope, x *Node, out int) *Node {
	return LinearFrom(scope, x, out, nil)
}

// LinearFrom is [Linear] with other starting values of the weights, and not of the biases; nil is
// [FanInUniform].
func LinearFrom(scope *model.Scope, x *Node, out int, initializer model.VariableInitializer) *Node {
	return linear(scope, x, out, initializer, nil)
}

// linear is [Linear] with other starting values; nil is [FanInUniform].
func linear(scope *model.Scope, x *Node, out int, ofWeights, ofBiases model.VariableInitializer) *Node {
	if x.Rank() < 2 {
		exceptions.Panicf("nn: linear layer %s: input must be [batch, features] or [..., features], it is %s",
			scope.Scope(), x.Shape())
	}
	if out < 1 {
		exceptions.Panicf("nn: linear layer %s: number of outputs is %d, it must be at least 1", scope.Scope(), out)
	}
	dims := slices.Clone(x.Shape().Dimensions)
	last := len(dims) - 1
	in := dims[last]
	if ofWeights == nil {
		ofWeights = FanInUniform(scope, in)
	}
	if ofBiases == nil {
		ofBiases = FanInUniform(scope, in)
	}
	weights := scope.WithInitializer(ofWeights).VariableWithShape("weights", shapes.Make(x.DType(), in, out))
	rows := Dot(Reshape(x, -1, in), value(weights, x.Graph())).Product()
	dims[last] = out
	return Reshape(addBias(scope, rows, ofBiases), dims...)
}
