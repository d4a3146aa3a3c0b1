package nn

import (
	"github.com/gomlx/compute"
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/support/exceptions"

	"github.com/kafisto/kafisto/internal/conv"
)

// WindowMaxPool is the largest number of each window of size x size pixels, stride pixels apart, as PyTorch's
// MaxPool2d: from [batch, height, width, channels] to [batch, height out, width out, channels], where
// height out is (height + 2 padding - size) / stride + 1, rounded down. The padding, at most half of
// the size, never is the largest. Where numbers tie, the first gets the gradient.
func WindowMaxPool(x *Node, size, stride, padding int) *Node {
	rows, columns := poolGeometry("max pooling", x, size, stride, padding)
	if padding > 0 {
		around := compute.PadAxis{Start: padding, End: padding}
		x = Pad(x, Infinity(x.Graph(), x.DType(), -1), compute.PadAxis{}, around, around, compute.PadAxis{})
		rows, columns = poolGeometry("max pooling", x, size, stride, 0)
	}
	return pool(x, rows, columns, Max)
}

// WindowMeanPool is the mean of each window of size x size pixels, stride pixels apart, as PyTorch's
// AvgPool2d with count_include_pad=False: the padding, at most half of the size, is not counted. The
// shapes are those of [WindowMaxPool].
func WindowMeanPool(x *Node, size, stride, padding int) *Node {
	rows, columns := poolGeometry("mean pooling", x, size, stride, padding)
	dims := []int{1, rows.Out[0], columns.Out[1], 1}
	shares := make([]float64, 0, dims[1]*dims[2])
	for row := range dims[1] {
		for column := range dims[2] {
			shares = append(shares, 1/float64(counted(rows, 0, row)*counted(columns, 1, column)))
		}
	}
	share := ConvertDType(ConstTensor(x.Graph(), tensors.FromFlatDataAndDimensions(shares, dims...)), x.DType())
	return Mul(pool(x, rows, columns, Add), share)
}

// counted is how many pixels of the image a window has along an axis.
func counted(g conv.Geometry, axis, window int) int {
	start := window*g.Stride[axis] - g.Padding[axis][0]
	return min(start+g.Kernel[axis], g.In[axis]) - max(start, 0)
}

// poolGeometry are the windows over the height, and those over the width of what is left of it.
func poolGeometry(layer string, x *Node, size, stride, padding int) (rows, columns conv.Geometry) {
	mustBeImages(layer, x)
	if padding > size/2 {
		exceptions.Panicf("nn: %s: padding is %d, it can be at most half of the size, %d", layer, padding, size)
	}
	dims := x.Shape().Dimensions
	rows, err := conv.NewGeometry([2]int{dims[1], dims[2]}, [2]int{size, 1}, [2]int{stride, 1}, [2][2]int{{padding, padding}})
	if err == nil {
		columns, err = conv.NewGeometry([2]int{rows.Out[0], dims[2]}, [2]int{1, size}, [2]int{1, stride}, [2][2]int{1: {padding, padding}})
	}
	if err != nil {
		exceptions.Panicf("nn: %s: %v", layer, err)
	}
	return rows, columns
}

// pool joins the pixels of each window, first down the columns and then along the rows.
func pool(x *Node, rows, columns conv.Geometry, join func(a, b *Node) *Node) *Node {
	for _, g := range []conv.Geometry{rows, columns} {
		dims := x.Shape().Dimensions
		size := g.Kernel[0] * g.Kernel[1]
		windows := Reshape(conv.Unfold(x, g), dims[0], g.Out[0], g.Out[1], size, dims[3])
		pixels := Split(windows, 3, size)
		x = pixels[0]
		for _, pixel := range pixels[1:] {
			x = join(x, pixel)
		}
		x = Reshape(x, dims[0], g.Out[0], g.Out[1], dims[3])
	}
	return x
}
