package conv

import (
	"github.com/gomlx/compute/dtypes"
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
)

// The products below take images as they are, [batch, height, width, channels]: a Reshape of a tensor
// that is used again is a copy on the pure-Go backend.

// pixelProduct multiplies every pixel of x [batch, height, width, in] by a matrix [in, out].
func pixelProduct(x, matrix *Node) *Node {
	return DotGeneral(x, []int{3}, nil, matrix, []int{0}, nil)
}

// tallProduct is the sum over all pixels of the products of their channels: of a [batch, height,
// width, m] and b [batch, height, width, n] it is [m, n]. The pure-Go backend wants the left factor
// transposed, and takes longer over transposing it than over the product: it is the narrower one.
func tallProduct(a, b *Node) *Node {
	pixels := []int{0, 1, 2}
	if placeOf(a) != OnGo {
		return DotGeneral(a, pixels, nil, b, pixels, nil)
	}
	if a.Shape().Dimensions[3] <= b.Shape().Dimensions[3] {
		return DotGeneral(channelsFirst(a), []int{1, 2, 3}, nil, b, pixels, nil)
	}
	return transposed(DotGeneral(channelsFirst(b), []int{1, 2, 3}, nil, a, pixels, nil))
}

// channelsFirst makes images [channels, batch, height, width].
func channelsFirst(x *Node) *Node {
	n := x.Shape().Dimensions[3]
	if !movesByIdentity(x, n) {
		return TransposeAllAxes(x, 3, 0, 1, 2)
	}
	return DotGeneral(identities(x, n, n), []int{1}, nil, x, []int{3}, nil)
}

// transposed swaps the last two axes of x, which has two or three.
func transposed(x *Node) *Node {
	rank, dims := x.Rank(), x.Shape().Dimensions
	n := dims[rank-1]
	switch {
	case !movesByIdentity(x, n):
		return Transpose(x, rank-2, rank-1)
	case rank == 2:
		return DotGeneral(identities(x, n, n), []int{1}, nil, x, []int{1}, nil)
	default:
		return DotGeneral(identities(x, dims[0], n, n), []int{2}, []int{0}, x, []int{2}, []int{0})
	}
}

// movesByIdentity says whether the last axis of x, of size n, is better moved by a product with the
// identity than by a transposition. On the pure-Go backend that product, which only moves numbers
// around if all are finite, is up to four times faster while the identity is small.
func movesByIdentity(x *Node, n int) bool {
	return placeOf(x) == OnGo && isSingleOrDouble(x.DType()) && n <= largestIdentity
}

// largestIdentity is the size beyond which the product takes longer.
const largestIdentity = 512

// identities is a constant stack of identity matrices in the number type and the graph of like.
func identities(like *Node, dims ...int) *Node {
	n, size := dims[len(dims)-1], 1
	for _, d := range dims {
		size *= d
	}
	return constant(like, dims, func(flat []float64) {
		for i := 0; i < size; i += n * n {
			for j := range n {
				flat[i+j*n+j] = 1
			}
		}
	})
}

// matrixOf is a constant [rows, columns] in the number type and the graph of like.
func matrixOf(like *Node, rows, columns int, element func(i, j int) float64) *Node {
	return constant(like, []int{rows, columns}, func(flat []float64) {
		for i := range flat {
			flat[i] = element(i/columns, i%columns)
		}
	})
}

// constant is a constant in the number type (single or double precision) and the graph of like, zero
// where fill sets nothing else.
func constant(like *Node, dims []int, fill func(flat []float64)) *Node {
	size := 1
	for _, d := range dims {
		size *= d
	}
	double := make([]float64, size)
	fill(double)
	if like.DType() == dtypes.Float64 {
		return ConstTensor(like.Graph(), tensors.FromFlatDataAndDimensions(double, dims...))
	}
	single := make([]float32, size)
	for i, v := range double {
		single[i] = float32(v)
	}
	return ConstTensor(like.Graph(), tensors.FromFlatDataAndDimensions(single, dims...))
}

// isSingleOrDouble says whether the number type is one of those that the fast ways are written for.
func isSingleOrDouble(dtype dtypes.DType) bool {
	return dtype == dtypes.Float32 || dtype == dtypes.Float64
}
