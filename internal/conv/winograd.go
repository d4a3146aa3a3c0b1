package conv

import (
	"github.com/gomlx/compute/shapes"
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
)

// winograd is F(4x4, 3x3) for 3x3 kernels with stride 1: the output is cut into tiles of 4x4 pixels,
// each needs a 6x6 tile of the input, and after linear transforms of tiles and kernel the convolution
// is one small matrix product for each of the 36 elements of a tile, a quarter of the work. In single
// precision its error is about ten times that of the direct sum.
//
// All transforms of one kind are one matrix product too, with a constant matrix.
//
// Reference: Lavin and Gray, "Fast Algorithms for Convolutional Neural Networks", 2016.
var winograd = &lowering{
	name:           "winograd",
	can:            canWinograd,
	forward:        winogradForward,
	inputGradient:  winogradInputGradient,
	weightGradient: winogradWeightGradient,
}

func canWinograd(_ Place, _ Pass, p Problem) bool {
	_, narrow := p.turned() // which the input gradient needs
	return p.Kernel == [2]int{3, 3} && p.Stride == [2]int{1, 1} && narrow && isSingleOrDouble(p.DType)
}

// Sizes of a tile's output and input along an axis.
const (
	tileOut = 4
	tileIn  = 6
)

// The transforms along one axis: a tile's output is outputTransform times (kernelTransform times
// kernel, times element by element, inputTransform times input).
var (
	inputTransform = [tileIn][tileIn]float64{
		{4, 0, -5, 0, 1, 0}, {0, -4, -4, 1, 1, 0}, {0, 4, -4, -1, 1, 0},
		{0, -2, -1, 2, 1, 0}, {0, 2, -1, -2, 1, 0}, {0, 4, 0, -5, 0, 1}}
	kernelTransform = [tileIn][3]float64{
		{1. / 4, 0, 0}, {-1. / 6, -1. / 6, -1. / 6}, {-1. / 6, 1. / 6, -1. / 6},
		{1. / 24, 1. / 12, 1. / 6}, {1. / 24, -1. / 12, 1. / 6}, {0, 0, 1}}
	outputTransform = [tileOut][tileIn]float64{
		{1, 1, 1, 1, 1, 0}, {0, 1, -1, 2, -2, 0}, {0, 1, 1, 4, 4, 0}, {0, 1, -1, 8, -8, 1}}
)

func winogradForward(x, w *Node, g Geometry) *Node {
	u := transformedKernel(w, func(row, column int) float64 { return kernelTransform[row][column] })
	t := newTiles(x.Shape().Dimensions[0], g)
	return t.output(DotGeneral(t.transformedInput(x), []int{2}, []int{0}, u, []int{1}, []int{0}))
}

// winogradInputGradient is winogradForward for the kernel turned around: its pixels in reverse, in and
// out in each other's roles.
func winogradInputGradient(dy, w *Node, g Geometry) *Node {
	u := transformedKernel(w, func(row, column int) float64 { return kernelTransform[row][2-column] })
	turned, _ := g.turned()
	t := newTiles(dy.Shape().Dimensions[0], turned)
	return t.output(DotGeneral(t.transformedInput(dy), []int{2}, []int{0}, u, []int{2}, []int{0}))
}

// transformedKernel transforms w by a matrix along both axes: [36, in, out].
func transformedKernel(w *Node, transform func(row, column int) float64) *Node {
	both := constant(w, []int{tileIn * tileIn, 3, 3}, func(flat []float64) {
		for i := range flat {
			element, row, column := i/9, i/3%3, i%3
			flat[i] = transform(element/tileIn, row) * transform(element%tileIn, column)
		}
	})
	return DotGeneral(both, []int{1, 2}, nil, w, []int{0, 1}, nil)
}

// winogradWeightGradient runs winogradForward backwards, from the output's tiles to the kernel.
func winogradWeightGradient(x, dy *Node, g Geometry) *Node {
	t := newTiles(x.Shape().Dimensions[0], g)
	in, out := x.Shape().Dimensions[3], dy.Shape().Dimensions[3]
	output := matrixOf(x, tileIn*tileIn, tileOut*tileOut, func(i, j int) float64 {
		return outputTransform[j/tileOut][i/tileIn] * outputTransform[j%tileOut][i%tileIn]
	})
	tiles := transposed(t.cutOutput(dy)) // [16, out, tiles]: the products contract over tiles
	m := Reshape(Dot(output, Reshape(tiles, tileOut*tileOut, -1)).Product(), tileIn*tileIn, out, -1)
	u := DotGeneral(m, []int{2}, []int{0}, t.transformedInput(x), []int{1}, []int{0})
	kernel := matrixOf(x, 9, tileIn*tileIn, func(i, j int) float64 {
		return kernelTransform[j/tileIn][i/3] * kernelTransform[j%tileIn][i%3]
	})
	dw := Reshape(Dot(kernel, Reshape(u, tileIn*tileIn, -1)).Product(), 9, out, in)
	return Reshape(transposed(dw), 3, 3, in, out)
}

// tiles is how an output is cut into tiles.
type tiles struct {
	Geometry
	batch  int
	number [2]int // of tiles along an axis
}

func newTiles(batch int, g Geometry) tiles {
	t := tiles{Geometry: g, batch: batch}
	for axis, out := range g.Out {
		t.number[axis] = (out + tileOut - 1) / tileOut
	}
	return t
}

// transformedInput cuts x into overlapping tiles of 6x6 and transforms them: [36, tiles, channels].
func (t tiles) transformedInput(x *Node) *Node {
	channels := x.Shape().Dimensions[3]
	transform := matrixOf(x, tileIn*tileIn, tileIn*tileIn, func(i, j int) float64 {
		return inputTransform[i/tileIn][j/tileIn] * inputTransform[i%tileIn][j%tileIn]
	})
	cut := Reshape(t.cut(x, t.Padding, tileIn), tileIn*tileIn, -1)
	return Reshape(Dot(transform, cut).Product(), tileIn*tileIn, -1, channels)
}

// cutOutput cuts an adjoint of the output into tiles of 4x4: [16, tiles, channels].
func (t tiles) cutOutput(dy *Node) *Node { return t.cut(dy, [2][2]int{}, tileOut) }

// cut gives tiles of size x size pixels, four pixels apart, the first of them shifted out of the
// image by the padding: [size * size, tiles, channels]. Beyond the image there are zeros, gathered
// from an image of zeros behind the last.
func (t tiles) cut(x *Node, padding [2][2]int, size int) *Node {
	dims := x.Shape().Dimensions
	height, width, channels := dims[1], dims[2], dims[3]
	pixels := make([]int32, 0, size*size*t.batch*t.number[0]*t.number[1])
	for element := range size * size {
		for n := range t.batch {
			for i := range t.number[0] {
				row := i*tileOut + element/size - padding[0][0]
				for j := range t.number[1] {
					column := j*tileOut + element%size - padding[1][0]
					pixel := t.batch * height * width
					if row >= 0 && row < height && column >= 0 && column < width {
						pixel = (n*height+row)*width + column
					}
					pixels = append(pixels, int32(pixel))
				}
			}
		}
	}
	zeros := Zeros(x.Graph(), shapes.Make(x.DType(), 1, height, width, channels))
	flat := Reshape(Concatenate([]*Node{x, zeros}, 0), -1, channels)
	return Reshape(gatherRows(flat, pixels), size*size, -1, channels)
}

// output transforms the products, [36, tiles, channels], and puts the output's tiles together.
func (t tiles) output(products *Node) *Node {
	channels := products.Shape().Dimensions[2]
	transform := matrixOf(products, tileOut*tileOut, tileIn*tileIn, func(i, j int) float64 {
		return outputTransform[i/tileOut][j/tileIn] * outputTransform[i%tileOut][j%tileIn]
	})
	y := Dot(transform, Reshape(products, tileIn*tileIn, -1)).Product()
	return t.assemble(Reshape(y, -1, channels))
}

// assemble puts the output's tiles, [16 * tiles, channels], together to images.
func (t tiles) assemble(flat *Node) *Node {
	perElement := t.batch * t.number[0] * t.number[1]
	pixels := make([]int32, 0, t.batch*t.Out[0]*t.Out[1])
	for n := range t.batch {
		for row := range t.Out[0] {
			for column := range t.Out[1] {
				element := row%tileOut*tileOut + column%tileOut
				tile := (n*t.number[0]+row/tileOut)*t.number[1] + column/tileOut
				pixels = append(pixels, int32(element*perElement+tile))
			}
		}
	}
	return Reshape(gatherRows(flat, pixels), t.batch, t.Out[0], t.Out[1], -1)
}

// gatherRows picks rows of a matrix by their numbers.
func gatherRows(matrix *Node, rows []int32) *Node {
	indices := ConstTensor(matrix.Graph(), tensors.FromFlatDataAndDimensions(rows, len(rows), 1))
	return GatherSlices(matrix, []int{0}, indices, []int{1}, false)
}
