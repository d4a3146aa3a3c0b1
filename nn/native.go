package nn

import (
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/support/exceptions"

	"github.com/kafisto/kafisto/internal/gradient"
	"github.com/kafisto/kafisto/native"
)

// nativeNormalize is normalize and what follows it by one kernel, with the batch's moments, from
// which nothing flows back. It can be differentiated twice: once by a kernel.
func nativeNormalize(x, scale, offset, shortcut *Node, relu bool) (y, mean, variance *Node) {
	n := native.Norm{Epsilon: batchNormEpsilon, ReLU: relu}
	y, mean, variance = n.Forward(x, scale, offset, shortcut)
	gradient.OfCall([]*Node{y, mean, variance}, func(adjoints []*Node) []*Node {
		dy, output := adjoints[0], y
		if shortcut == nil {
			output = nil
		}
		slopes := n.Backward(dy, x, mean, variance, scale, offset, output)
		gradient.OfCall(slopes, func(adjoints []*Node) []*Node {
			second := normSecondOrder(dy, x, scale, offset, shortcut, relu, adjoints)
			// Nothing is left for the moments, and for y, which is a mask: they follow from the others.
			second = []*Node{second[0], second[1], nil, nil, second[2], second[3]}
			if shortcut != nil {
				second = append(second, nil)
			}
			return second
		})
		return slopes
	})
	return y, mean, variance
}

// normSecondOrder gives the adjoints of dy, x, scale and offset from those of the gradients that a
// normalisation passes on to x, scale, offset and, where there is one, the shortcut. The gradients
// are made once more, of operations that automatic differentiation knows.
func normSecondOrder(dy, x, scale, offset, shortcut *Node, relu bool, adjoints []*Node) []*Node {
	// Copies, which do not depend on each other as the originals may.
	dy, x, scale, offset = Identity(dy), Identity(x), Identity(scale), Identity(offset)
	inputs := []*Node{x, scale, offset}
	if shortcut != nil {
		shortcut = Identity(shortcut)
		inputs = append(inputs, shortcut)
	}
	mean, variance := batchMoments(x)
	y := finishNorm(normalize(x, mean, variance, scale, offset), shortcut, relu)
	sum := ScalarZero(x.Graph(), x.DType())
	for i, slope := range Gradient(ReduceAllSum(Mul(y, dy)), inputs...) {
		sum = Add(sum, ReduceAllSum(Mul(slope, adjoints[i])))
	}
	return Gradient(sum, dy, x, scale, offset)
}

// nativeRecurrence is recurrence by the kernels, which add the biases. It can be differentiated once.
func nativeRecurrence(inputs, weights, biases, hidden, cell *Node) (outputs, nextCell *Node) {
	dims := inputs.Shape().Dimensions
	l := native.LSTM{Steps: dims[0], Batch: dims[1], Size: hidden.Shape().Dimensions[1]}
	outputs, nextCell, cells, saved := l.Forward(inputs, weights, biases, hidden, cell)
	gradient.OfCall([]*Node{outputs, nextCell, cells, saved}, func(adjoints []*Node) []*Node {
		dInputs, dHidden, dCell := l.Backward(weights, cell, cells, saved, adjoints[0], adjoints[1])
		gradient.OfCall([]*Node{dInputs, dHidden, dCell}, func([]*Node) []*Node {
			exceptions.Panicf("nn: the kernels for LSTM have no second derivatives: " +
				"compute in float64, or without kernels (KAFISTO_KERNELS=off)")
			return nil
		})
		return []*Node{dInputs, recurrentGradient(outputs, hidden, dInputs), channelSum(dInputs), dHidden, dCell}
	})
	return outputs, nextCell
}
