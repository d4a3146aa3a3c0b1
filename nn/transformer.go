package nn

import (
	"math"

	"github.com/gomlx/compute/dtypes"
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"
	"github.com/gomlx/gomlx/support/exceptions"
)

// TransformerLayer is a layer of a causal Transformer, PyTorch's TransformerEncoderLayer with a
// causal mask, the rectifier, and norms after the additions (norm_first=False).
type TransformerLayer struct {
	// Heads is the number of attention heads, which divides the width.
	Heads int
	// FeedForward is the width inside the feed-forward part, at least 1.
	FeedForward int
	// Dropout is the rate of all four dropouts: of the attention weights, of what attention and
	// feed-forward part add, and inside the latter. 0 is none.
	Dropout float64
}

// Apply gives the layer's value at x, [time, batch, width], in x's shape:
//
//	x = LayerNorm(x + Dropout(CausalSelfAttention(x)))
//	x = LayerNorm(x + Dropout(W2 Dropout(ReLU(W1 x + b1)) + b2))
//
// It creates the variables of [CausalSelfAttention] in scope's "attention", those of the [LayerNorm]
// that follows in "attention/norm", those of two [Linear] in "inner" and "outer", and of the second
// [LayerNorm] in "outer/norm".
func (t TransformerLayer) Apply(scope *model.Scope, x *Node) *Node {
	if t.FeedForward < 1 {
		exceptions.Panicf("nn: Transformer layer %s: feed-forward width is %d, it must be at least 1", scope.Scope(), t.FeedForward)
	}
	attention, inner, outer := scope.In("attention"), scope.In("inner"), scope.In("outer")
	mixed := CausalSelfAttention(attention, x, t.Heads, t.Dropout)
	x = LayerNorm(attention.In("norm"), Add(x, Dropout(scope, mixed, t.Dropout)))
	hidden := Dropout(scope, ReLU(Linear(inner, x, t.FeedForward)), t.Dropout)
	result := Linear(outer, hidden, x.Shape().Dimensions[x.Rank()-1])
	return LayerNorm(outer.In("norm"), Add(x, Dropout(scope, result, t.Dropout)))
}

// SinusoidalPositions is a constant, [time, 1, width], to be added to embeddings of that many words:
// sin(t / 10000^(2i/width)) in column 2i of row t, the cosine of the same in column 2i+1.
//
// Reference: Vaswani et al., "Attention Is All You Need", 2017, section 3.5.
func SinusoidalPositions(g *Graph, dtype dtypes.DType, time, width int) *Node {
	if time < 1 || width < 1 {
		exceptions.Panicf("nn: positions: time is %d and width %d, both must be at least 1", time, width)
	}
	positions := make([]float64, time*width)
	for i := range positions {
		t, column := i/width, i%width
		angle := float64(t) / math.Pow(10000, float64(column/2*2)/float64(width))
		positions[i] = math.Sin(angle)
		if column%2 == 1 {
			positions[i] = math.Cos(angle)
		}
	}
	return ConvertDType(ConstTensor(g, tensors.FromFlatDataAndDimensions(positions, time, 1, width)), dtype)
}
