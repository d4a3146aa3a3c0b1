package native

import (
	"math"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	. "github.com/gomlx/gomlx/core/graph"
)

// Norm is a batch normalisation of float32 over all axes but the last, with what
// commonly follows it: y = relu((x - mean) / sqrt(variance + Epsilon) * scale +
// offset + shortcut). Mean and variance are summed up in parts of 512 rows.
//
// References: Ioffe and Szegedy, "Batch Normalization", 2015; for joining the
// parts, Chan, Golub and LeVeque, "Algorithms for Computing the Sample Variance",
// 1983.
type Norm struct {
	// Epsilon is added to the variance. It is rounded to whole billionths.
	Epsilon float64
	// ReLU says whether the rectifier follows. Its gradient at zero is 0.
	ReLU bool
}

// Supported tells whether the kernels can normalise numbers of that type:
// float32 alone.
func (n Norm) Supported(dtype dtypes.DType) bool { return dtype == dtypes.Float32 }

// geometry is in the order of the C struct normalization.
func (n Norm) geometry(x *Node) []int64 {
	channels := x.Shape().Dimensions[x.Rank()-1]
	relu := int64(0)
	if n.ReLU {
		relu = 1
	}
	return []int64{int64(x.Shape().Size() / channels), int64(channels), int64(math.Round(n.Epsilon * 1e9)), relu}
}

// Forward gives y, of x's shape, and the batch's mean and biased variance,
// [channels], from x, [..., channels], and scale and offset, [channels]. The
// shortcut has x's shape, or is nil; another shape panics. Like Backward it needs
// a backend with the kernels ([Available]) and has no gradient of its own.
func (n Norm) Forward(x, scale, offset, shortcut *Node) (y, mean, variance *Node) {
	inputs := []*Node{x, scale, offset}
	if shortcut != nil {
		shortcut.AssertDims(x.Shape().Dimensions...)
		inputs = append(inputs, shortcut)
	}
	out := call(kernel{"norm_forward", n.geometry(x), nil}, []shapes.Shape{x.Shape(), scale.Shape(), scale.Shape()}, inputs...)
	return out[0], out[1], out[2]
}

// Backward gives the gradients of sum(y * dy) with respect to Forward's inputs
// from these and its results, in their shapes and their order: x, scale, offset,
// and the shortcut where y is not nil. With a shortcut y is needed, without it
// must be nil.
func (n Norm) Backward(dy, x, mean, variance, scale, offset, y *Node) []*Node {
	inputs := []*Node{dy, x, mean, variance, scale, offset}
	outputs := []shapes.Shape{x.Shape(), scale.Shape(), scale.Shape()}
	if y != nil {
		inputs = append(inputs, y)
		outputs = append(outputs, x.Shape())
	}
	return call(kernel{"norm_backward", n.geometry(x), nil}, outputs, inputs...)
}
