package nn

import (
	"math"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/ml/model"
	"github.com/gomlx/gomlx/ml/model/initializer"
	"github.com/gomlx/gomlx/support/exceptions"
)

// CausalSelfAttention lets each word look at itself and the words before it: multi-head scaled
// dot-product attention of x, [time, batch, width], as PyTorch's MultiheadAttention with a causal
// mask. The result has x's shape.
//
// heads is the number of heads, which share the width in equal parts; it must divide it. dropout is
// the rate of the [Dropout] on the attention weights.
//
// It creates the variables of two linear layers: in scope's "projection" the "weights", [width,
// 3*width], which give queries, keys and values side by side, and in its "output" those of the last
// projection, [width, width]. They start as PyTorch's: the former by [XavierUniform] of the whole
// matrix, the latter by [FanInUniform], and all "biases" at zero.
//
// Reference: Vaswani et al., "Attention Is All You Need", 2017.
func CausalSelfAttention(scope *model.Scope, x *Node, heads int, dropout float64) *Node {
	if x.Rank() != 3 {
		exceptions.Panicf("nn: attention %s: input must be [time, batch, width], it is %s", scope.Scope(), x.Shape())
	}
	time, batch, width := x.Shape().Dimensions[0], x.Shape().Dimensions[1], x.Shape().Dimensions[2]
	if heads < 1 || width%heads != 0 {
		exceptions.Panicf("nn: attention %s: number of heads is %d, it must divide the width, %d", scope.Scope(), heads, width)
	}
	joint := linear(scope.In("projection"), x, 3*width, XavierUniform(scope), initializer.Zero)
	part := func(i int) *Node { // queries, keys or values, [batch*heads, time, width/heads]
		columns := Slice(joint, AxisRange(), AxisRange(), AxisRange(i*width, (i+1)*width))
		return Transpose(Reshape(columns, time, batch*heads, width/heads), 0, 1)
	}
	weights := Dropout(scope, attentionWeights(part(0), part(1)), dropout)
	mixed := DotGeneral(weights, []int{2}, []int{0}, part(2), []int{1}, []int{0}) // [batch*heads, time, width/heads]
	mixed = Reshape(Transpose(mixed, 0, 1), time, batch, width)
	return linear(scope.In("output"), mixed, width, FanInUniform(scope, width), initializer.Zero)
}

// attentionWeights is the causal softmax of the scaled products of queries and keys, [n, time, size]
// each, over the keys: [n, time, time].
func attentionWeights(queries, keys *Node) *Node {
	g, dtype := queries.Graph(), queries.DType()
	time, size := queries.Shape().Dimensions[1], queries.Shape().Dimensions[2]
	queries = MulScalar(queries, 1/math.Sqrt(float64(size)))
	scores := DotGeneral(queries, []int{2}, []int{0}, keys, []int{2}, []int{0})
	square := shapes.Make(dtypes.Int32, 1, time, time)
	future := GreaterThan(Iota(g, square, 2), Iota(g, square, 1))
	return Softmax(Where(future, Infinity(g, dtype, -1), scores), -1)
}
