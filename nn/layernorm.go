package nn

import (
	"github.com/gomlx/compute/shapes"
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/ml/model"
	"github.com/gomlx/gomlx/ml/model/initializer"
	"github.com/gomlx/gomlx/support/exceptions"
)

// layerNormEpsilon is PyTorch's.
const layerNormEpsilon = 1e-5

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
	variable := func(name string, start model.VariableInitializer) *Node {
		shape := shapes.Make(x.DType(), x.Shape().Dimensions[x.Rank()-1])
		return value(scope.WithInitializer(start).VariableWithShape(name, shape), x.Graph())
	}
	return normalizeRows(x, variable("scale", initializer.One), variable("offset", initializer.Zero))
}

// normalizeRows is [LayerNorm] with scale and offset. The closed form of its gradient, as in normalize,
// saves the pure-Go backend little and costs XLA more passes than it makes of this one.
func normalizeRows(x, scale, offset *Node) *Node {
	centred := Sub(x, rowMean(x))
	deviation := Sqrt(AddScalar(rowMean(Square(centred)), layerNormEpsilon))
	return Add(Mul(Div(centred, deviation), alongLastAxis(scale, x.Rank())), alongLastAxis(offset, x.Rank()))
}

// rowMean is the mean along the last axis, which keeps its place.
func rowMean(x *Node) *Node { return ReduceAndKeep(x, ReduceMean, -1) }
