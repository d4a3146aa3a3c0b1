package native

import (
	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	. "github.com/gomlx/gomlx/core/graph"
)

// CrossEntropy is -log softmax(logits + biases)[label] of each row of float32 logits,
// which are read once, and whose gradient is written over them. A label out of range
// gives a loss of 0 and a gradient of zeros.
type CrossEntropy struct{}

// Supported tells whether the kernels can take logits of that type: float32 alone.
func (CrossEntropy) Supported(dtype dtypes.DType) bool { return dtype == dtypes.Float32 }

// geometry is in the order of the C struct cross_entropy.
func (CrossEntropy) geometry(logits *Node) []int64 {
	dims := logits.Shape().Dimensions
	return []int64{int64(dims[0]), int64(dims[1])}
}

// Forward gives the losses and, for Backward, each row's largest number and the sum
// of the exponentials of all less it, [n] each, from logits, [n, classes], biases,
// [classes] or nil for none, and int32 labels, [n]; other shapes panic. Like Backward
// it needs a backend with the kernels ([Available]) and has no gradient of its own.
func (c CrossEntropy) Forward(logits, biases, labels *Node) (losses, largest, sums *Node) {
	inputs := withBiases([]*Node{logits, labels}, logits, biases, labels)
	row := shapes.Make(logits.DType(), logits.Shape().Dimensions[0])
	out := call(kernel{"cross_entropy_forward", c.geometry(logits), nil}, []shapes.Shape{row, row, row}, inputs...)
	return out[0], out[1], out[2]
}

// Backward gives the gradients of sum(losses * adjoint), with adjoint [n], with
// respect to the logits and, where there are some, the biases, from Forward's inputs
// and results. The first lies where the logits did; XLA copies if they are still
// needed.
func (c CrossEntropy) Backward(adjoint, logits, biases, labels, largest, sums *Node) []*Node {
	inputs := withBiases([]*Node{adjoint, logits, labels, largest, sums}, logits, biases, labels)
	outputs := []shapes.Shape{logits.Shape()}
	if biases != nil {
		outputs = append(outputs, biases.Shape())
	}
	return call(kernel{"cross_entropy_backward", c.geometry(logits), [][2]int{{0, 1}}}, outputs, inputs...)
}

// withBiases is inputs and the biases, if there are some, of which it asserts the
// shapes.
func withBiases(inputs []*Node, logits, biases, labels *Node) []*Node {
	logits.AssertRank(2)
	labels.AssertDims(logits.Shape().Dimensions[0])
	if biases == nil {
		return inputs
	}
	biases.AssertDims(logits.Shape().Dimensions[1])
	return append(inputs, biases)
}
