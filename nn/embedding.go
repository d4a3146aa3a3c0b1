package nn

import (
	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/ml/model"
	"github.com/gomlx/gomlx/ml/model/initializer"
	"github.com/gomlx/gomlx/support/exceptions"

	"github.com/kafisto/kafisto/internal/gradient"
)

// embeddingBound is how far from zero embeddings start by default.
const embeddingBound = 0.1

// Embedding is a table of word vectors, [vocabulary, size], that turns word numbers into vectors
// and, tied, vectors into logits. Create one for each graph with [NewEmbedding].
//
// Reference: Press and Wolf, "Using the Output Embedding to Improve Language Models", 2017.
type Embedding struct {
	scope   *model.Scope
	table   *Node
	biases  *Node   // nil until Logits needs it
	lookups []*Node // the indices of Lookup, by which its gradients are known
}

// NewEmbedding creates the trainable variable "embeddings", [vocabulary, size] numbers of a floating
// point type, directly in scope. The initializer nil is [UniformIn] 0.1.
func NewEmbedding(scope *model.Scope, g *Graph, dtype dtypes.DType, vocabulary, size int, initializer model.VariableInitializer) *Embedding {
	if vocabulary < 1 || size < 1 || !dtype.IsFloat() {
		exceptions.Panicf("nn: embedding %s: a table of %d words by %d numbers of type %s: it needs at least 1 of each, of a floating point type",
			scope.Scope(), vocabulary, size, dtype)
	}
	if initializer == nil {
		initializer = UniformIn(scope, embeddingBound)
	}
	e := &Embedding{scope: scope}
	variable := scope.WithInitializer(initializer).VariableWithShape("embeddings", shapes.Make(dtype, vocabulary, size))
	e.table = IdentityWithCustomGradient(value(variable, g), func(_, adjoint *Node) *Node { return e.inPlace(adjoint) })
	return e
}

// Lookup gives the vectors of words: int32 numbers of any shape [...], at least 0 and below
// vocabulary, become [..., size]. A number out of range stands for the nearest word.
func (e *Embedding) Lookup(words *Node) *Node {
	if !words.DType().IsInt() {
		exceptions.Panicf("nn: embedding %s: words must be integers, they are %s", e.scope.Scope(), words.Shape())
	}
	index := InsertAxes(intoRange(words, e.table.Shape().Dimensions[0]), -1)
	e.lookups = append(e.lookups, index)
	return Gather(e.table, index)
}

// intoRange is the nearest of 0 to n - 1 to each of some integers, as int32.
func intoRange(numbers *Node, n int) *Node {
	if numbers.DType() != dtypes.Int64 { // whose numbers could wrap around into the range
		numbers = ConvertDType(numbers, dtypes.Int32)
	}
	numbers = Min(Max(numbers, ZerosLike(numbers)), Scalar(numbers.Graph(), numbers.DType(), n-1))
	return ConvertDType(numbers, dtypes.Int32)
}

// Logits is x times the table's transpose plus a bias: [..., size] becomes [n, vocabulary], with n
// the product of the leading axes. It creates the trainable variable "biases", [vocabulary], which
// starts at zero, directly in scope.
//
// Where only [FusedSoftmaxCrossEntropy] uses the result, the bias costs no pass over memory of its
// own on a backend with the kernels of package native.
func (e *Embedding) Logits(x *Node) *Node {
	dims := e.table.Shape().Dimensions
	vocabulary, size := dims[0], dims[1]
	if x.DType() != e.table.DType() || x.Rank() < 1 || x.Shape().Dimensions[x.Rank()-1] != size {
		exceptions.Panicf("nn: embedding %s: logits of %s: the table is %s, so give vectors of %d numbers of its type",
			e.scope.Scope(), x.Shape(), e.table.Shape(), size)
	}
	if e.biases == nil {
		shape := shapes.Make(x.DType(), vocabulary)
		e.biases = value(e.scope.WithInitializer(initializer.Zero).VariableWithShape("biases", shape), x.Graph())
	}
	product := tiedProduct(Reshape(x, -1, size), e.table)
	logits := Add(product, alongLastAxis(e.biases, 2))
	rememberBiased(logits, product, e.biases)
	return logits
}

// tiedProduct is x, [n, size], times the transpose of table, [vocabulary, size].
//
// It has its own gradient to fix the order of the factors: automatic differentiation makes the
// transpose of the table's.
func tiedProduct(x, table *Node) *Node {
	return gradient.With(Einsum("nh,vh->nv", x, table), []*Node{x, table}, func(adjoint *Node) []*Node {
		return []*Node{Einsum("nv,vh->nh", adjoint, table), transposedProduct(adjoint, x)}
	})
}

// transposedProduct is the transpose of a, [n, wide], times b, [n, narrow]: [wide, narrow].
//
// The pure-Go backend transposes a factor whose rows it shall sum over. Where that is a, and the result
// is smaller, it is faster to transpose b and the result.
func transposedProduct(a, b *Node) *Node {
	if a.Graph().Backend().String() == "go" && b.Shape().Dimensions[1] < b.Shape().Dimensions[0] {
		return Transpose(Einsum("hn,nv->hv", Transpose(b, 0, 1), a), 0, 1)
	}
	return Einsum("nv,nh->vh", a, b)
}

// inPlace is the table's gradient with the gradients of lookups added to the others row by row, in
// place. Automatic differentiation has added them up as arrays of the table's shape, of which all
// but the words' rows are zero.
func (e *Embedding) inPlace(sum *Node) *Node {
	if sum.Type() != NodeTypeAdd {
		return sum
	}
	a, b := sum.Inputs()[0], sum.Inputs()[1]
	if e.ofLookup(a) {
		a, b = b, a
	}
	if e.ofLookup(b) {
		index, rows := b.Inputs()[1], b.Inputs()[2]
		return ScatterSum(e.inPlace(a), Identity(index), rows, false, false)
	}
	return Add(e.inPlace(a), e.inPlace(b))
}

// ofLookup tells whether a node is what automatic differentiation makes of the adjoint of a lookup:
// its rows, scattered over zeros. (inPlace scatters by copies of the indices.)
func (e *Embedding) ofLookup(n *Node) bool {
	if n.Type() != NodeTypeScatterSum {
		return false
	}
	for _, index := range e.lookups {
		if n.Inputs()[1] == index {
			return true
		}
	}
	return false
}
