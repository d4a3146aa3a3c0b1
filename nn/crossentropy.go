package nn

import (
	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/support/exceptions"

	"github.com/kafisto/kafisto/internal/gradient"
	"github.com/kafisto/kafisto/native"
)

// SoftmaxCrossEntropy is -log softmax(logits)[label] of each row (nats): logits are [n, classes],
// labels n integers of any shape, the result is [n], of the logits' number type.
//
// A label out of range gives a loss of 0 and no gradient, without an error: check labels when they
// are loaded. It can be differentiated twice.
func SoftmaxCrossEntropy(logits, labels *Node) *Node {
	return crossEntropy(logits, nil, labels)
}

// FusedSoftmaxCrossEntropy is [SoftmaxCrossEntropy], but of logits that [Embedding.Logits] has made it
// adds up the bias itself, in one pass over memory less, on a backend with the kernels of package
// native. Its gradient then goes past the logits: it reaches what they were made of, and what uses
// them, but the gradient with respect to the logits themselves is zero.
func FusedSoftmaxCrossEntropy(logits, labels *Node) *Node {
	if product, biases, ok := splitBiased(logits); ok && hasCrossEntropy(logits) {
		return crossEntropy(product, biases, labels)
	}
	return crossEntropy(logits, nil, labels)
}

// hasCrossEntropy tells whether the kernels can compute the cross entropy of such logits.
func hasCrossEntropy(logits *Node) bool {
	return native.Available(logits.Graph().Backend()) && native.CrossEntropy{}.Supported(logits.DType())
}

// crossEntropy is the cross entropy of logits, to which the kernels add the biases, [classes] or nil.
func crossEntropy(logits, biases, labels *Node) *Node {
	if logits.Rank() != 2 || !logits.DType().IsFloat() {
		exceptions.Panicf("nn: cross entropy: logits must be [n, classes] numbers of a floating point type, they are %s", logits.Shape())
	}
	if rows := logits.Shape().Dimensions[0]; !labels.DType().IsInt() || labels.Shape().Size() != rows {
		exceptions.Panicf("nn: cross entropy: labels of shape %s for logits of shape %s: give one integer class for each row",
			labels.Shape(), logits.Shape())
	}
	labels = Reshape(labels, -1)
	if labels.DType() == dtypes.Int64 { // whose numbers could wrap around into the range
		bound := func(n int) *Node { return Scalar(labels.Graph(), dtypes.Int64, n) }
		labels = Min(Max(labels, bound(-1)), bound(logits.Shape().Dimensions[1]))
	}
	labels = ConvertDType(labels, dtypes.Int32)
	if !hasCrossEntropy(logits) {
		return graphCrossEntropy(logits, labels)
	}
	return nativeCrossEntropy(logits, biases, labels)
}

// graphCrossEntropy is SoftmaxCrossEntropy by operations of the graph, of int32 labels [n].
//
// It has its own gradient, (softmax - one at the label) times the adjoint, because automatic
// differentiation would scatter the label's part over an array of zeros and pass over the logits
// several times more often.
func graphCrossEntropy(logits, labels *Node) *Node {
	rows, classes := logits.Shape().Dimensions[0], logits.Shape().Dimensions[1]
	g := logits.Graph()
	column := func(x *Node) *Node { return InsertAxes(x, -1) }
	label := intoRange(labels, classes)
	inRange := Equal(label, labels)
	at := Concatenate([]*Node{Iota(g, shapes.Make(dtypes.Int32, rows, 1), 0), column(label)}, 1)

	shifted := Sub(logits, column(StopGradient(ReduceMax(logits, -1))))
	exponentials := Exp(shifted)
	sum := ReduceSum(exponentials, -1)
	loss := Sub(Log(sum), Gather(shifted, at))
	loss = Where(inRange, loss, ZerosLike(loss))
	return gradient.With(loss, []*Node{logits}, func(adjoint *Node) []*Node {
		weight := Where(inRange, adjoint, ZerosLike(adjoint))
		softmax := Mul(exponentials, column(Div(weight, sum)))
		return []*Node{ScatterSum(softmax, at, Neg(weight), true, true)}
	})
}

// nativeCrossEntropy is SoftmaxCrossEntropy of logits plus biases, [classes] or nil, by kernels.
func nativeCrossEntropy(logits, biases, labels *Node) *Node {
	kernel := native.CrossEntropy{}
	loss, largest, sum := kernel.Forward(logits, biases, labels)
	gradient.OfCall([]*Node{loss, largest, sum}, func(adjoints []*Node) []*Node {
		adjoint := adjoints[0]
		slopes := kernel.Backward(adjoint, logits, biases, labels, largest, sum)
		gradient.OfCall(slopes, func(adjoints []*Node) []*Node {
			second := crossEntropySecondOrder(adjoint, logits, biases, labels, adjoints)
			// Nothing is left for the labels, and for largest and sum: they follow from the logits.
			return append([]*Node{second[0], second[1], nil, nil, nil}, second[2:]...)
		})
		if biases == nil {
			return []*Node{slopes[0], nil}
		}
		return []*Node{slopes[0], nil, slopes[1]}
	})
	return loss
}

// crossEntropySecondOrder gives the adjoints of adjoint, logits and, unless it is nil, biases from
// those of the gradients that a cross entropy passes on to logits and biases. The gradients are made
// once more, of operations that automatic differentiation knows.
func crossEntropySecondOrder(adjoint, logits, biases, labels *Node, adjoints []*Node) []*Node {
	// Copies, which do not depend on each other as the originals may.
	adjoint, logits = Identity(adjoint), Identity(logits)
	inputs, biased := []*Node{logits}, logits
	if biases != nil {
		biases = Identity(biases)
		inputs = append(inputs, biases)
		biased = Add(logits, alongLastAxis(biases, 2))
	}
	total := ReduceAllSum(Mul(graphCrossEntropy(biased, labels), adjoint))
	sum := ScalarZero(logits.Graph(), logits.DType())
	for i, slope := range Gradient(total, inputs...) {
		sum = Add(sum, ReduceAllSum(Mul(slope, adjoints[i])))
	}
	return Gradient(sum, append([]*Node{adjoint}, inputs...)...)
}

// biasedKey is the key of a graph's state under which the parts of biased logits are.
type biasedKey struct{}

// rememberBiased lets splitBiased find what logits were added up from.
func rememberBiased(logits, product, biases *Node) {
	g := logits.Graph()
	table, ok := g.State(biasedKey{}).(map[*Node][2]*Node)
	if !ok {
		table = make(map[*Node][2]*Node)
		g.AttachState(biasedKey{}, table)
	}
	table[logits] = [2]*Node{product, biases}
}

// splitBiased gives the parts of logits that rememberBiased knows.
func splitBiased(logits *Node) (product, biases *Node, ok bool) {
	table, _ := logits.Graph().State(biasedKey{}).(map[*Node][2]*Node)
	parts, ok := table[logits]
	return parts[0], parts[1], ok
}
