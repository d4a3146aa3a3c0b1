package nn

import (
	"github.com/gomlx/compute/shapes"
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/ml/model"
	"github.com/gomlx/gomlx/ml/model/initializer"
	"github.com/gomlx/gomlx/support/exceptions"
)

// normEpsilon is PyTorch's for layer and instance normalisation.
const normEpsilon = 1e-5

// LayerNorm gives the numbers along the last axis of x zero mean and unit (biased) variance, then
// scales and shifts them, as PyTorch's LayerNorm over one axis does: epsilon 1e-5. It does the same in
// training and outside of it.
//
// It creates in scope the trainable "scale" (starts at one) and "offset" (zero), of that axis' size.
// The result has x's shape and number type, and can be differentiated as often as one likes.
//
// Reference: Ba, Kiros and Hinton, "Layer Normalization", 2016.
func LayerNorm(scope *model.Scope, x *Node) *Node {
	if x.Rank() < 1 || !x.DType().IsFloat() {
		exceptions.Panicf("nn: layer normalisation %s: input must be floats with at least one axis, it is %s",
			scope.Scope(), x.Shape())
	}
	return scaled(scope, standardize(x, -1))
}

// standardize gives the numbers along axes zero mean and unit variance. The closed form of its
// gradient, as in normalize, saves the pure-Go backend little and costs XLA more passes than it makes
// of this one.
func standardize(x *Node, axes ...int) *Node {
	centred := Sub(x, ReduceAndKeep(x, ReduceMean, axes...))
	variance := ReduceAndKeep(Square(centred), ReduceMean, axes...)
	return Div(centred, Sqrt(AddScalar(variance, normEpsilon)))
}

// scaled multiplies the last axis of x by the variable "scale" and adds the variable "offset".
func scaled(scope *model.Scope, x *Node) *Node {
	variable := func(name string, start model.VariableInitializer) *Node {
		shape := shapes.Make(x.DType(), x.Shape().Dimensions[x.Rank()-1])
		return alongLastAxis(value(scope.WithInitializer(start).VariableWithShape(name, shape), x.Graph()), x.Rank())
	}
	return Add(Mul(x, variable("scale", initializer.One)), variable("offset", initializer.Zero))
}
