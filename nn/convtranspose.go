package nn

import (
	"github.com/gomlx/compute/shapes"
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/ml/model"
	"github.com/gomlx/gomlx/support/exceptions"

	"github.com/kafisto/kafisto/internal/conv"
)

// ConvTransposeBuilder collects the settings of a two-dimensional transposed convolution. Create it
// with [ConvTranspose], and finish with [ConvTransposeBuilder.Done].
type ConvTransposeBuilder struct {
	scope         *model.Scope
	x             *Node
	channels      int
	kernel        [2]int
	stride        [2]int
	padding       [2]int
	outputPadding int
	bias          bool
	initializer   model.VariableInitializer
}

// ConvTranspose prepares a transposed convolution of x, [batch, height, width, channels in], as
// PyTorch's ConvTranspose2d defines it: the gradient that a convolution with this kernel, stride and
// padding has for its input. It makes images larger: height and width become
//
//	(size - 1) * stride - 2 * padding + kernel size + output padding
//
// Channels and KernelSize must be set. The defaults are stride 1, no padding, a bias, and PyTorch's
// starting values ([FanInUniform], with kernel size times channels out for fan-in, as PyTorch counts).
//
// It creates the trainable variables "weights", [kernel height, kernel width, channels out, channels
// in], and "biases", [channels out], directly in scope.
func ConvTranspose(scope *model.Scope, x *Node) *ConvTransposeBuilder {
	return &ConvTransposeBuilder{scope: scope, x: x, stride: [2]int{1, 1}, bias: true}
}

// Channels sets the number of output channels, at least 1.
func (c *ConvTransposeBuilder) Channels(n int) *ConvTransposeBuilder {
	c.channels = n
	return c
}

// KernelSize sets the kernel's height and width, at least 1.
func (c *ConvTransposeBuilder) KernelSize(size int) *ConvTransposeBuilder {
	c.kernel = [2]int{size, size}
	return c
}

// Strides sets how many pixels of the result lie between two of x, at least 1, in both directions.
// Default: 1.
func (c *ConvTransposeBuilder) Strides(stride int) *ConvTransposeBuilder {
	c.stride = [2]int{stride, stride}
	return c
}

// Padding takes that many rows and columns, at least 0, off every side of the result. Default: 0.
func (c *ConvTransposeBuilder) Padding(n int) *ConvTransposeBuilder {
	c.padding = [2]int{n, n}
	return c
}

// OutputPadding adds rows and columns at the bottom and the right of the result, fewer than the
// stride. They are computed like the others, not zeros. Default: 0.
func (c *ConvTransposeBuilder) OutputPadding(n int) *ConvTransposeBuilder {
	c.outputPadding = n
	return c
}

// Bias sets whether a trainable number is added to each output channel. Default: true.
func (c *ConvTransposeBuilder) Bias(use bool) *ConvTransposeBuilder {
	c.bias = use
	return c
}

// Initializer sets the starting values of the weights, and not those of the biases. Default:
// [FanInUniform].
func (c *ConvTransposeBuilder) Initializer(initializer model.VariableInitializer) *ConvTransposeBuilder {
	c.initializer = initializer
	return c
}

// Done creates the variables and returns the transposed convolution, [batch, height out, width out,
// channels out], in x's number type. It panics with an error that names the setting if there is no
// such convolution.
func (c *ConvTransposeBuilder) Done() *Node {
	geometry := c.geometry()
	dtype, in := c.x.DType(), c.x.Shape().Dimensions[3]
	fanIn := c.kernel[0] * c.kernel[1] * c.channels
	initializer := c.initializer
	if initializer == nil {
		initializer = FanInUniform(c.scope, fanIn)
	}
	weights := c.scope.WithInitializer(initializer).
		VariableWithShape("weights", shapes.Make(dtype, c.kernel[0], c.kernel[1], c.channels, in))
	y := conv.InputGradient(c.x, value(weights, c.x.Graph()), geometry)
	if c.bias {
		y = addBias(c.scope, y, FanInUniform(c.scope, fanIn))
	}
	return y
}

// geometry is that of the convolution whose output has x's size; it panics if there is none.
func (c *ConvTransposeBuilder) geometry() conv.Geometry {
	fail := func(format string, args ...any) {
		exceptions.Panicf("nn: transposed convolution %s: "+format, append([]any{c.scope.Scope()}, args...)...)
	}
	if c.x.Rank() != 4 {
		fail("input must be [batch, height, width, channels], it is %s", c.x.Shape())
	}
	if c.channels < 1 {
		fail("number of output channels is %d, set it to at least 1 with Channels", c.channels)
	}
	if c.outputPadding < 0 || c.outputPadding >= max(c.stride[0], 1) {
		fail("output padding is %d, it must be at least 0 and less than the stride, which is %d", c.outputPadding, c.stride[0])
	}
	var size [2]int
	var padding [2][2]int
	for axis, n := range c.x.Shape().Dimensions[1:3] {
		size[axis] = (n-1)*c.stride[axis] - 2*c.padding[axis] + c.kernel[axis] + c.outputPadding
		padding[axis] = [2]int{c.padding[axis], c.padding[axis]}
		if size[axis] < 1 {
			fail("nothing is left of an input of %s with a kernel of %d and padding %d", c.x.Shape(), c.kernel[axis], c.padding[axis])
		}
	}
	geometry, err := conv.NewGeometry(size, c.kernel, c.stride, padding)
	if err != nil {
		fail("%v", err)
	}
	return geometry
}
