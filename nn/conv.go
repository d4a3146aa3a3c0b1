package nn

import (
	"github.com/gomlx/compute/shapes"
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/ml/model"
	"github.com/gomlx/gomlx/support/exceptions"

	"github.com/kafisto/kafisto/internal/conv"
)

// ConvBuilder collects the settings of a two-dimensional convolution. Create it with [Conv], and
// finish with [ConvBuilder.Done].
type ConvBuilder struct {
	scope       *model.Scope
	x           *Node
	channels    int
	kernel      [2]int
	stride      [2]int
	padding     [2][2]int
	bias        bool
	initializer model.VariableInitializer
}

// Conv prepares a convolution of x, [batch, height, width, channels in], as PyTorch's Conv2d defines
// it: a cross-correlation with zero padding.
//
// Channels and KernelSize must be set. The defaults are stride 1, no padding, a bias, and PyTorch's
// starting values ([FanInUniform]).
//
// It creates the trainable variables "weights", [kernel height, kernel width, channels in, channels
// out], and "biases", [channels out], directly in scope.
func Conv(scope *model.Scope, x *Node) *ConvBuilder {
	return &ConvBuilder{scope: scope, x: x, stride: [2]int{1, 1}, bias: true}
}

// Channels sets the number of output channels, at least 1.
func (c *ConvBuilder) Channels(n int) *ConvBuilder {
	c.channels = n
	return c
}

// KernelSize sets the kernel's height and width, at least 1.
func (c *ConvBuilder) KernelSize(size int) *ConvBuilder {
	return c.KernelSizes(size, size)
}

// KernelSizes sets the kernel's height and width separately, each at least 1.
func (c *ConvBuilder) KernelSizes(height, width int) *ConvBuilder {
	c.kernel = [2]int{height, width}
	return c
}

// Strides sets how many pixels lie between two windows in both directions. Default: 1.
func (c *ConvBuilder) Strides(stride int) *ConvBuilder {
	c.stride = [2]int{stride, stride}
	return c
}

// Padding adds that many rows and columns of zeros on every side, as PyTorch's padding does.
// Default: 0. With stride 2 this is not what TensorFlow and GoMLX call "same".
func (c *ConvBuilder) Padding(n int) *ConvBuilder {
	return c.PaddingPerSide(n, n, n, n)
}

// PaddingPerSide adds that many rows and columns of zeros on each side. Default: 0.
func (c *ConvBuilder) PaddingPerSide(top, bottom, left, right int) *ConvBuilder {
	c.padding = [2][2]int{{top, bottom}, {left, right}}
	return c
}

// Bias sets whether a trainable number is added to each output channel. Default: true.
func (c *ConvBuilder) Bias(use bool) *ConvBuilder {
	c.bias = use
	return c
}

// Initializer sets the starting values of the weights, and not those of the biases. Default:
// [FanInUniform].
func (c *ConvBuilder) Initializer(initializer model.VariableInitializer) *ConvBuilder {
	c.initializer = initializer
	return c
}

// Done creates the variables and returns the convolution, [batch, height out, width out, channels
// out], in x's number type.
func (c *ConvBuilder) Done() *Node {
	if c.x.Rank() != 4 {
		exceptions.Panicf("nn: convolution %s: input must be [batch, height, width, channels], it is %s",
			c.scope.Scope(), c.x.Shape())
	}
	if c.channels < 1 {
		exceptions.Panicf("nn: convolution %s: number of output channels is %d, set it to at least 1 with Channels",
			c.scope.Scope(), c.channels)
	}
	dims := c.x.Shape().Dimensions
	geometry, err := conv.NewGeometry([2]int{dims[1], dims[2]}, c.kernel, c.stride, c.padding)
	if err != nil {
		exceptions.Panicf("nn: convolution %s: %v", c.scope.Scope(), err)
	}
	dtype, in := c.x.DType(), dims[3]
	fanIn := c.kernel[0] * c.kernel[1] * in
	initializer := c.initializer
	if initializer == nil {
		initializer = FanInUniform(c.scope, fanIn)
	}
	weights := c.scope.WithInitializer(initializer).
		VariableWithShape("weights", shapes.Make(dtype, c.kernel[0], c.kernel[1], in, c.channels))
	y := conv.Forward(c.x, value(weights, c.x.Graph()), geometry)
	if c.bias {
		y = addBias(c.scope, y, FanInUniform(c.scope, fanIn))
	}
	return y
}

// addBias adds the variable "biases", one number for each channel of y's last axis.
func addBias(scope *model.Scope, y *Node, initializer model.VariableInitializer) *Node {
	channels := y.Shape().Dimensions[y.Rank()-1]
	biases := scope.WithInitializer(initializer).VariableWithShape("biases", shapes.Make(y.DType(), channels))
	return Add(y, alongLastAxis(value(biases, y.Graph()), y.Rank()))
}

// alongLastAxis shapes a vector so that it broadcasts over all but the last of rank axes.
func alongLastAxis(vector *Node, rank int) *Node {
	dims := make([]int, rank)
	for axis := range dims {
		dims[axis] = 1
	}
	dims[rank-1] = vector.Shape().Size()
	return Reshape(vector, dims...)
}
