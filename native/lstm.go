package native

import (
	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	. "github.com/gomlx/gomlx/core/graph"
)

// LSTM is the recurrent part of an LSTM layer of float32: all steps of a window,
// when the inputs' part of the gates is known. The gates are, in this order, the
// input gate i, the forget gate f, the candidate g and the output gate o:
//
//	(i, f, g, o) = inputs + hidden * weights + biases
//	cell = logistic(f) * cell + logistic(i) * tanh(g)
//	hidden = logistic(o) * tanh(cell)
//
// Results have the same bits with any number of threads.
//
// Reference: Hochreiter and Schmidhuber, "Long Short-Term Memory", 1997.
type LSTM struct {
	// Steps, Batch and Size are the numbers of steps, of rows, and of hidden units,
	// each at least 1.
	Steps, Batch, Size int
}

// Supported tells whether the kernels can run a layer of numbers of that type:
// float32 alone.
func (l LSTM) Supported(dtype dtypes.DType) bool { return dtype == dtypes.Float32 }

// geometry is in the order of the C struct lstm_window.
func (l LSTM) geometry() []int64 { return []int64{int64(l.Steps), int64(l.Batch), int64(l.Size)} }

// sequence is the shape of a number of values a unit, in each step and row.
func (l LSTM) sequence(values int) shapes.Shape {
	return shapes.Make(dtypes.Float32, l.Steps, l.Batch, values*l.Size)
}

// state is the shape of a state.
func (l LSTM) state() shapes.Shape { return shapes.Make(dtypes.Float32, l.Batch, l.Size) }

// Forward runs a window from the inputs' part of the gates' sums, [steps, batch,
// 4*size], the recurrent weights, [size, 4*size], the biases, [4*size], and the
// state before the window, [batch, size]; other shapes panic. It gives the outputs,
// [steps, batch, size], the last cell, [batch, size], and what Backward wants
// besides: all cells, [steps, batch, size], and the gates' values with the cells'
// tanh, [steps, batch, 5*size]. Like Backward it needs a backend with the kernels
// ([Available]) and has no gradient of its own.
func (l LSTM) Forward(inputs, weights, biases, hidden, cell *Node) (outputs, nextCell, cells, saved *Node) {
	l.assert(weights, hidden, cell)
	inputs.AssertDims(l.Steps, l.Batch, 4*l.Size)
	biases.AssertDims(4 * l.Size)
	out := call(kernel{"lstm_forward", l.geometry(), nil},
		[]shapes.Shape{l.sequence(1), l.state(), l.sequence(1), l.sequence(5)}, inputs, weights, biases, hidden, cell)
	return out[0], out[1], out[2], out[3]
}

// Backward gives the gradients of sum(outputs * dOutputs) + sum(nextCell *
// dNextCell) with respect to inputs, hidden and cell, from Forward's arguments and
// results. From dInputs follow the others: that of the biases is its sum, and that
// of the weights its product with the outputs, one step later and beginning with
// hidden, over all steps and rows.
func (l LSTM) Backward(weights, cell, cells, saved, dOutputs, dNextCell *Node) (dInputs, dHidden, dCell *Node) {
	l.assert(weights, cell, dNextCell)
	out := call(kernel{"lstm_backward", l.geometry(), nil}, []shapes.Shape{l.sequence(4), l.state(), l.state()},
		weights, cell, cells, saved, dOutputs, dNextCell)
	return out[0], out[1], out[2]
}

func (l LSTM) assert(weights *Node, states ...*Node) {
	weights.AssertDims(l.Size, 4*l.Size)
	for _, state := range states {
		state.AssertDims(l.Batch, l.Size)
	}
}
