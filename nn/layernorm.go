package nn

import (
	"github.com/gomlx/compute/shapes"
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/ml/model"
	"github.com/gomlx/gomlx/ml/model/initializer"
	"github.com/gomlx/gomlx/support/exceptions"

	"github.com/kafisto/kafisto/internal/gradient"
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

// normalizeRows is [LayerNorm] with scale and offset. It has its own gradient for the reason of
// normalize.
func normalizeRows(x, scale, offset *Node) *Node {
	along := func(vector *Node) *Node { return alongLastAxis(vector, x.Rank()) }
	centred := Sub(x, rowMean(x))
	inverse := Inverse(Sqrt(AddScalar(rowMean(Square(centred)), layerNormEpsilon)))
	unit := Mul(centred, inverse)
	y := Add(Mul(unit, along(scale)), along(offset))
	return gradient.With(y, []*Node{x, scale, offset}, func(adjoint *Node) []*Node {
		// x's gradient is that of unit less its mean and less its projection on unit, in each row.
		d := Mul(adjoint, along(scale))
		residual := Sub(Sub(d, rowMean(d)), Mul(unit, rowMean(Mul(d, unit))))
		return []*Node{Mul(residual, inverse), channelSum(Mul(adjoint, unit)), channelSum(adjoint)}
	})
}

// rowMean is the mean along the last axis, which keeps its place.
func rowMean(x *Node) *Node { return ReduceAndKeep(x, ReduceMean, -1) }
