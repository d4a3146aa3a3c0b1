package native

import (
	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	. "github.com/gomlx/gomlx/core/graph"
)

// Conv is the geometry of a two-dimensional cross-correlation of float32: images
// are [batch, height, width, channels], weights [kernel height, kernel width,
// channels in, channels out]. For arrays of two, index 0 is the vertical axis.
// All numbers are at least 1, but Padding, which may be 0; there are no defaults.
type Conv struct {
	Batch      int
	In, Out    [2]int // sizes of the images, in pixels
	InChannels int
	Channels   int // of the result
	Kernel     [2]int
	Stride     [2]int
	// Padding is the zeros before the first row and column; those after the last
	// are as many as Out needs.
	Padding [2]int
	// Winograd computes by Winograd's minimal filtering F(4x4, 3x3), with a
	// quarter of the multiplications and a rounding error about ten times as
	// large. It is for 3x3 kernels with stride 1 alone. False computes the sums
	// as they are defined.
	//
	// Reference: Lavin and Gray, "Fast Algorithms for Convolutional Neural
	// Networks", 2016.
	Winograd bool
}

// maxSegments is MAX_SEGMENTS of the C code: how many runs of at most maxRun
// numbers a window may have.
const (
	maxSegments = 64
	maxRun      = 1024
)

// wholeVectors is what Winograd's channels are a multiple of.
const wholeVectors = 16

// Supported tells whether the kernels can compute the three products of this
// geometry in that number type: float32 alone, no windows of extreme size (some
// 65,000 numbers), and with Winograd only 3x3 kernels with stride 1, padding up
// to 2 and multiples of 16 channels. It does not check that the sizes fit each
// other.
func (c Conv) Supported(dtype dtypes.DType) bool {
	if dtype != dtypes.Float32 || c.Batch < 1 {
		return false
	}
	if c.Winograd {
		one := [2]int{1, 1}
		return c.Kernel == [2]int{3, 3} && c.Stride == one && max(c.Padding[0], c.Padding[1]) <= 2 &&
			c.InChannels%wholeVectors == 0 && c.Channels%wholeVectors == 0
	}
	widest := c.Kernel[1] * max(c.InChannels, c.Channels)
	return c.Kernel[0]*((widest+maxRun-1)/maxRun) <= maxSegments
}

// kernel is the kernel for one of the three products.
func (c Conv) kernel(product string) kernel {
	way := "direct_"
	if c.Winograd {
		way = "winograd_"
	}
	return kernel{way + product, c.geometry(), nil}
}

// geometry is in the order of the C struct convolution.
func (c Conv) geometry() []int64 {
	var numbers []int64
	for _, n := range []int{c.Batch, c.In[0], c.In[1], c.InChannels, c.Out[0], c.Out[1], c.Channels,
		c.Kernel[0], c.Kernel[1], c.Stride[0], c.Stride[1], c.Padding[0], c.Padding[1]} {
		numbers = append(numbers, int64(n))
	}
	return numbers
}

func (c Conv) inputs() shapes.Shape {
	return shapes.Make(dtypes.Float32, c.Batch, c.In[0], c.In[1], c.InChannels)
}

func (c Conv) outputs() shapes.Shape {
	return shapes.Make(dtypes.Float32, c.Batch, c.Out[0], c.Out[1], c.Channels)
}

func (c Conv) weights() shapes.Shape {
	return shapes.Make(dtypes.Float32, c.Kernel[0], c.Kernel[1], c.InChannels, c.Channels)
}

// Forward convolves x, [Batch, In, InChannels], with w, [Kernel, InChannels,
// Channels]: the result is [Batch, Out, Channels]. Like the other two products it
// needs a backend with the kernels ([Available]) and a geometry that they can
// compute ([Conv.Supported]), has no gradient of its own, and panics if a shape is
// not the geometry's.
func (c Conv) Forward(x, w *Node) *Node {
	x.AssertDims(c.inputs().Dimensions...)
	w.AssertDims(c.weights().Dimensions...)
	return call(c.kernel("forward"), []shapes.Shape{c.outputs()}, x, w)[0]
}

// InputGradient is the gradient of sum(Forward(x, w) * dy) with respect to x, in
// x's shape.
func (c Conv) InputGradient(dy, w *Node) *Node {
	dy.AssertDims(c.outputs().Dimensions...)
	w.AssertDims(c.weights().Dimensions...)
	return call(c.kernel("input_gradient"), []shapes.Shape{c.inputs()}, dy, w)[0]
}

// WeightGradient is the gradient of sum(Forward(x, w) * dy) with respect to w, in
// w's shape.
func (c Conv) WeightGradient(x, dy *Node) *Node {
	x.AssertDims(c.inputs().Dimensions...)
	dy.AssertDims(c.outputs().Dimensions...)
	return call(c.kernel("weight_gradient"), []shapes.Shape{c.weights()}, x, dy)[0]
}
