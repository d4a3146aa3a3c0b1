package nn

import (
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/ml/model"
	"github.com/gomlx/gomlx/support/exceptions"
)

// InstanceNorm gives each channel of each image of x, [batch, height, width, channels], zero mean and
// unit (biased) variance over its pixels, then scales and shifts the channels, as PyTorch's
// InstanceNorm2d with affine=True does: epsilon 1e-5. It does the same in training and outside of it,
// and no image's result depends on another's, as a gradient penalty for each image needs it.
//
// It creates in scope the trainable "scale" (starts at one) and "offset" (zero), [channels]. The
// result has x's shape and number type, and can be differentiated as often as one likes. Images of a
// single pixel, of which nothing would be left, are refused.
//
// Reference: Ulyanov, Vedaldi and Lempitsky, "Instance Normalization", 2016.
func InstanceNorm(scope *model.Scope, x *Node) *Node {
	mustBeImages("instance normalisation", x)
	if dims := x.Shape().Dimensions; !x.DType().IsFloat() || dims[1]*dims[2] < 2 {
		exceptions.Panicf("nn: instance normalisation %s: input must be floats with more than one pixel an image, it is %s",
			scope.Scope(), x.Shape())
	}
	return scaled(scope, standardize(x, 1, 2))
}
