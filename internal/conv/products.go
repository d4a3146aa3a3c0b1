package conv

import (
	"github.com/gomlx/compute/dtypes"
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
)

// tallProduct is the product of the transposed a with b, [rows, m] and [rows, n] with many rows:
// [m, n]. The pure-Go backend takes transposed left factors only, and longer over transposing a tall
// matrix than over the product: the narrower of the two is transposed.
func tallProduct(a, b *Node) *Node {
	if placeOf(a) != OnGo {
		return DotGeneral(a, []int{0}, nil, b, []int{0}, nil)
	}
	if a.Shape().Dimensions[1] <= b.Shape().Dimensions[1] {
		return Dot(transposed(a), b).Product()
	}
	return transposed(Dot(transposed(b), a).Product())
}

// transposed swaps the last two axes of x, which has two or three.
//
// On the pure-Go backend it is a product with the identity, which only moves numbers around if all
// are finite, and which, while the identity is small, is up to four times faster than that backend's
// transposition.
func transposed(x *Node) *Node {
	rank, dims := x.Rank(), x.Shape().Dimensions
	n := dims[rank-1]
	if placeOf(x) != OnGo || !isSingleOrDouble(x.DType()) || n > largestIdentity {
		return Transpose(x, rank-2, rank-1)
	}
	if rank == 2 {
		return DotGeneral(identities(x, n, n), []int{1}, nil, x, []int{1}, nil)
	}
	return DotGeneral(identities(x, dims[0], n, n), []int{2}, []int{0}, x, []int{2}, []int{0})
}

// largestIdentity is the size from which on the product takes longer.
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
