package nn

import (
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/support/exceptions"
)

// ResizeBilinear resizes images [batch, height, width, channels] to [batch, height out, width out,
// channels] by interpolating linearly between the four nearest pixels, as PyTorch's interpolate with
// mode "bilinear", align_corners=False and no antialiasing. Sizes are at least 1.
func ResizeBilinear(x *Node, height, width int) *Node {
	mustBeImages("resizing", x)
	if height < 1 || width < 1 {
		exceptions.Panicf("nn: resizing: size is %dx%d, it must be at least 1x1", height, width)
	}
	dims := x.Shape().Dimensions
	if dims[1] != height {
		x = Einsum("bhwc,yh->bywc", x, interpolation(x, dims[1], height))
	}
	if dims[2] != width {
		x = Einsum("bhwc,xw->bhxc", x, interpolation(x, dims[2], width))
	}
	return x
}

// interpolation is the matrix [out, in] that resizes an axis; x gives graph and number type.
func interpolation(x *Node, in, out int) *Node {
	matrix := make([]float64, out*in)
	for i := range out {
		// Pixels are squares: their centres lie at one half.
		place := max(0, (float64(i)+0.5)*float64(in)/float64(out)-0.5)
		low := min(int(place), in-1)
		fraction := place - float64(low)
		matrix[i*in+low] += 1 - fraction
		matrix[i*in+min(low+1, in-1)] += fraction
	}
	return ConvertDType(ConstTensor(x.Graph(), tensors.FromFlatDataAndDimensions(matrix, out, in)), x.DType())
}
