package nn

import (
	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/ml/model"
)

// Orthogonal draws weights from the uniform (Haar) distribution over matrices whose rows are
// orthonormal, or their columns where there are fewer of these, as PyTorch's orthogonal_ does with
// gain 1. The matrix of a convolution has a row for each output channel and a column for each number
// in that channel's kernel.
//
// Reference: Saxe, McClelland and Ganguli, "Exact solutions to the nonlinear dynamics of learning in
// deep linear neural networks", 2014.
func Orthogonal(scope *model.Scope) model.VariableInitializer {
	return func(g *Graph, shape shapes.Shape) *Node {
		fans(scope, shape) // checks the shape
		out := shape.Dimensions[shape.Rank()-1]
		rest := shape.Size() / out
		normals := scope.RandomNormal(g, shapes.Make(shape.DType, max(out, rest), min(out, rest)))
		columns := orthonormal(normals)
		if out > rest {
			columns = Transpose(columns, 0, 1)
		}
		return Reshape(columns, shape.Dimensions...)
	}
}

// orthonormal makes orthonormal columns, Haar distributed, of a tall matrix of normal numbers.
//
// The k-th of them is column k of a product of reflections, the k-th of which is that of a normal
// vector which is zero above its k-th element; it is what the QR decomposition of a normal matrix
// gives where the diagonal of R is positive. The product of all is 1 - U T U', whose columns in U are
// the reflections' unit vectors and whose T, upper triangular, is the inverse of U'U without what is
// below its diagonal, and half of what is on it.
//
// References: Stewart, "The efficient generation of random orthogonal matrices with an application
// to condition estimators", 1980; Joffrain et al., "Accumulating Householder transformations,
// revisited", 2006.
func orthonormal(normals *Node) *Node {
	g, rows, columns := normals.Graph(), normals.Shape().Dimensions[0], normals.Shape().Dimensions[1]
	row, column := Iota(g, shapes.Make(dtypes.Int32, rows, columns), 0), Iota(g, shapes.Make(dtypes.Int32, rows, columns), 1)
	diagonal := Equal(row, column)
	zero := ZerosLike(normals)
	normals = Where(LessThan(row, column), zero, normals)

	// The diagonal decides to which side a vector is reflected: away from it, which cancels nothing.
	length := Sqrt(ReduceAndKeep(Square(normals), ReduceSum, 0))
	onDiagonal := ReduceAndKeep(Where(diagonal, normals, zero), ReduceSum, 0)
	side := Where(LessThan(onDiagonal, ZerosLike(onDiagonal)), Neg(OnesLike(onDiagonal)), OnesLike(onDiagonal))
	vectors := Add(normals, Where(diagonal, BroadcastToShape(Mul(side, length), normals.Shape()), zero))
	squares := Square(ConvertDType(vectors, dtypes.Float64)) // lengths to the last bit, of long sums
	vectors = Div(vectors, ConvertDType(Sqrt(ReduceAndKeep(squares, ReduceSum, 0)), normals.DType()))

	top := SliceAxis(vectors, 0, AxisRange(0, columns))
	overlap := Dot(vectors, vectors).General([]int{0}, nil, []int{0}, nil)
	middle := MulScalar(inverse(MulScalar(overlap, 2)), 2) // T
	product := Sub(Where(diagonal, OnesLike(zero), zero), MatMul(vectors, Dot(middle, top).General([]int{1}, nil, []int{1}, nil)))
	return Neg(Mul(product, side))
}

// inverse inverts the upper triangular matrix whose diagonal is one and which has what x has above
// its own: blocks on the diagonal first, of 1, then of 2, 4 and so on, each from two that are half
// as large.
func inverse(x *Node) *Node {
	g, size := x.Graph(), x.Shape().Dimensions[0]
	index := shapes.Make(dtypes.Int32, size, size)
	row, column := Iota(g, index, 0), Iota(g, index, 1)
	above := Where(LessThan(row, column), x, ZerosLike(x))
	result := Where(Equal(row, column), OnesLike(x), ZerosLike(x))
	for half := 1; half < size; half *= 2 {
		same := func(block int) *Node { return Equal(DivScalar(row, block), DivScalar(column, block)) }
		corner := Where(LogicalAnd(same(2*half), LogicalNot(same(half))), above, ZerosLike(x))
		result = Sub(result, MatMul(result, MatMul(corner, result)))
	}
	return result
}
