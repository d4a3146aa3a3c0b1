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
// are loaded. It can be differentiated as often as one likes.
func SoftmaxCrossEntropy(logits, labels *Node) *Node {
	if logits.Rank() != 2 || !logits.DType().IsFloat() {
		exceptions.Panicf("nn: cross entropy: logits must be [n, classes] numbers of a floating point type, they are %s", logits.Shape())
	}
	if rows := logits.Shape().Dimensions[0]; !labels.DType().IsInt() || labels.Shape().Size() != rows {
		exceptions.Panicf("nn: cross entropy: labels of shape %s for logits of shape %s: give one integer class for each row",
			labels.Shape(), logits.Shape())
	}
	labels = ConvertDType(Reshape(labels, -1), dtypes.Int32)
	kernel := native.CrossEntropy{}
	if !native.Available(logits.Graph().Backend()) || !kernel.Supported(logits.DType()) {
		return graphCrossEntropy(logits, labels)
	}
	if product, biases, ok := splitBiased(logits); ok {
		return nativeCrossEntropy(product, biases, labels)
	}
	return nativeCrossEntropy(logits, nil, labels)
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
