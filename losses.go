package kafisto

import (
	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/support/exceptions"
)

// SparseCrossEntropyLogits is the cross entropy of each example (nats):
// predictions[0] holds logits [..., classes], labels[0] the classes' integer
// indices, of shape [...] or [..., 1]. The result has shape [...]. It is the
// per-example form of GoMLX's loss.SparseCategoricalCrossEntropyLogits.
// An index out of range gives a loss of 0, without an error: check labels when
// they are loaded.
func SparseCrossEntropyLogits(labels, predictions []*graph.Node) *graph.Node {
	logits, label := predictions[0], labels[0]
	dims := logits.Shape().Dimensions
	batch := dims[:len(dims)-1]
	if !label.DType().IsInt() || label.Shape().Size() != shapes.Make(dtypes.Int32, batch...).Size() {
		exceptions.Panicf("kafisto: labels of shape %s for logits of shape %s: give one integer class for each example", label.Shape(), logits.Shape())
	}
	label = graph.Reshape(label, append(append([]int{}, batch...), 1)...)
	classes := graph.Iota(logits.Graph(), shapes.Make(label.DType(), dims...), -1)
	chosen := graph.Equal(classes, graph.BroadcastToShape(label, classes.Shape()))
	logProbabilities := graph.LogSoftmax(logits)
	return graph.Neg(graph.ReduceSum(graph.Where(chosen, logProbabilities, graph.ZerosLike(logProbabilities)), -1))
}

// SquaredError is the squared error of each example, the mean over the
// example's elements: predictions[0] and labels[0] have the same shape
// [batch, ...]; the result has shape [batch].
func SquaredError(labels, predictions []*graph.Node) *graph.Node {
	e := graph.Square(graph.Sub(predictions[0], labels[0]))
	batch := e.Shape().Dimensions[0]
	return graph.ReduceMean(graph.Reshape(e, batch, e.Shape().Size()/batch), -1)
}

// findMask returns the first Bool label after the first, or nil.
func findMask(labels []*graph.Node) *graph.Node {
	for i, label := range labels {
		if i > 0 && label.DType() == dtypes.Bool {
			return label
		}
	}
	return nil
}

// matchMask gives a mask the shape of the losses; nil stays nil.
func matchMask(mask, losses *graph.Node) *graph.Node {
	if mask == nil {
		return nil
	}
	if mask.DType() != dtypes.Bool || mask.Shape().Size() != losses.Shape().Size() {
		exceptions.Panicf("kafisto: a mask of shape %s for losses of shape %s: give one Bool for each loss", mask.Shape(), losses.Shape())
	}
	return graph.Reshape(mask, losses.Shape().Dimensions...)
}

// maskedMean is the mean of the elements where mask is true, 0 when there are
// none; nil is a mask that is true everywhere.
func maskedMean(x, mask *graph.Node) *graph.Node {
	if x.IsScalar() {
		return x
	}
	if mask == nil {
		return graph.ReduceAllMean(x)
	}
	count := graph.ReduceAllSum(graph.ConvertDType(mask, x.DType()))
	sum := graph.ReduceAllSum(graph.Where(mask, x, graph.ZerosLike(x)))
	return graph.Div(sum, graph.Max(count, graph.OnesLike(count)))
}
