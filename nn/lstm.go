package nn

import (
	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/ml/model"
	"github.com/gomlx/gomlx/support/exceptions"

	"github.com/kafisto/kafisto/internal/gradient"
	"github.com/kafisto/kafisto/native"
)

// LSTM runs one LSTM layer over a window of a sequence: x is [time, batch, in], and hidden and cell,
// the state before the window, are [batch, size], all of one number type. It returns the outputs,
// [time, batch, size], and the state after the window, of which nextHidden is the last output.
//
// Gradients flow to x, hidden, cell and the variables, also by way of nextHidden and nextCell. For
// backpropagation through time that is cut between windows, pass the state on as numbers, or through
// StopGradient. In float32, where the backend has the kernels of package native, they run the window,
// and the layer can be differentiated once; otherwise as often as one likes.
//
// It creates in scope the trainable "input_weights", [in, 4*size], "recurrent_weights", [size,
// 4*size], and "biases", [4*size], whose columns are those of the input gate, the forget gate, the
// candidate for the cell and the output gate, in PyTorch's order. They start as in PyTorch, uniform
// between -1/sqrt(size) and 1/sqrt(size), but for one thing: PyTorch adds up two vectors of biases,
// each drawn like that, and here is one, drawn once.
//
// Reference: Hochreiter and Schmidhuber, "Long Short-Term Memory", 1997; the forget gate is that of
// Gers, Schmidhuber and Cummins, "Learning to Forget", 2000.
func LSTM(scope *model.Scope, x, hidden, cell *Node) (outputs, nextHidden, nextCell *Node) {
	checkLSTM(scope, x, hidden, cell)
	g, in, size := x.Graph(), x.Shape().Dimensions[2], hidden.Shape().Dimensions[1]
	variable := func(name string, dims ...int) *Node {
		drawn := scope.WithInitializer(FanInUniform(scope, size))
		return value(drawn.VariableWithShape(name, shapes.Make(x.DType(), dims...)), g)
	}
	inputWeights := variable("input_weights", in, 4*size)
	recurrentWeights := variable("recurrent_weights", size, 4*size)
	biases := variable("biases", 4*size)

	steps, batch := x.Shape().Dimensions[0], x.Shape().Dimensions[1]
	inputs := Reshape(Dot(Reshape(x, steps*batch, in), inputWeights).Product(), steps, batch, 4*size)
	if native.Available(g.Backend()) && x.DType() == dtypes.Float32 {
		outputs, nextCell = nativeRecurrence(inputs, recurrentWeights, biases, hidden, cell)
	} else {
		outputs, nextCell = recurrence(Add(inputs, alongLastAxis(biases, 3)), recurrentWeights, hidden, cell)
	}
	return outputs, at(outputs, steps-1), nextCell
}

// checkLSTM panics unless the shapes are those of a window and a state.
func checkLSTM(scope *model.Scope, x, hidden, cell *Node) {
	fail := func(format string, args ...any) {
		exceptions.Panicf("nn: LSTM %s: "+format, append([]any{scope.Scope()}, args...)...)
	}
	if x.Rank() != 3 || x.Shape().Size() == 0 {
		fail("input must be [time, batch, features], none of them 0, it is %s", x.Shape())
	}
	if hidden.Rank() != 2 || hidden.Shape().Size() == 0 || hidden.DType() != x.DType() ||
		hidden.Shape().Dimensions[0] != x.Shape().Dimensions[1] {
		fail("hidden state must be [batch, size] with the batch and the number type of the input, %s, it is %s",
			x.Shape(), hidden.Shape())
	}
	if !cell.Shape().Equal(hidden.Shape()) {
		fail("cell state must have the shape of the hidden state, %s, it is %s", hidden.Shape(), cell.Shape())
	}
}

// recurrence is what remains of the layer when the inputs' part of the gates' sums is known: inputs is
// that, with the biases, [time, batch, 4*size]. It gives the outputs and the last cell.
//
// The gradient is its own because automatic differentiation would make a product of the size of the
// weights in every step and add them all up.
func recurrence(inputs, weights, hidden, cell *Node) (outputs, nextCell *Node) {
	w := runWindow(inputs, weights, hidden, cell)
	steps := len(w.outputs)
	// One value, because that is what a gradient can belong to: the last cell follows the outputs.
	all := stack(append(w.outputs[:steps:steps], w.cells[steps-1]))
	all = gradient.With(all, []*Node{inputs, weights, hidden, cell}, func(adjoint *Node) []*Node {
		dInputs, dHidden, dCell := w.backward(Slice(adjoint, AxisRange(0, steps)), at(adjoint, steps))
		return []*Node{dInputs, w.weightGradient(dInputs), dHidden, dCell}
	})
	return Slice(all, AxisRange(0, steps)), at(all, steps)
}

// window is a window that was run: what went in, and of each step the gates, the cell and the output,
// [batch, size].
type window struct {
	weights, hidden, cell                      *Node
	in, forget, candidate, out, cells, outputs []*Node
}

func runWindow(inputs, weights, hidden, cell *Node) *window {
	w := &window{weights: weights, hidden: hidden, cell: cell}
	size := hidden.Shape().Dimensions[1]
	for t := range inputs.Shape().Dimensions[0] {
		sums := Add(at(inputs, t), Dot(hidden, weights).Product())
		gate := func(i int) *Node { return Slice(sums, AxisRange(), AxisRange(i*size, (i+1)*size)) }
		in, forget, candidate, out := Sigmoid(gate(0)), Sigmoid(gate(1)), Tanh(gate(2)), Sigmoid(gate(3))
		cell = Add(Mul(forget, cell), Mul(in, candidate))
		hidden = Mul(out, Tanh(cell))
		w.in, w.forget = append(w.in, in), append(w.forget, forget)
		w.candidate, w.out = append(w.candidate, candidate), append(w.out, out)
		w.cells, w.outputs = append(w.cells, cell), append(w.outputs, hidden)
	}
	return w
}

// backward gives the adjoints of inputs and of the state before the window from those of the outputs
// and of the last cell.
func (w *window) backward(dOutputs, dCell *Node) (dInputs, dHidden, dCellBefore *Node) {
	steps := len(w.outputs)
	in, forget, candidate, out := stack(w.in), stack(w.forget), stack(w.candidate), stack(w.out)
	cells := stack(w.cells)
	before := stack(append([]*Node{w.cell}, w.cells[:steps-1]...))
	squashed := Tanh(cells)
	// What does not depend on later steps, for all steps at once: the slopes of the sums in the cell
	// or, those of the output gate, in the output.
	slopes := Concatenate([]*Node{
		Mul(candidate, logisticSlope(in)),
		Mul(before, logisticSlope(forget)),
		Mul(in, OneMinus(Square(candidate))),
		Mul(squashed, logisticSlope(out)),
	}, 2)
	toCell := Mul(out, OneMinus(Square(squashed)))

	transposed := Transpose(w.weights, 0, 1)
	dSums := make([]*Node, steps)
	for t := steps - 1; t >= 0; t-- {
		dOutput := at(dOutputs, t)
		if t < steps-1 {
			dOutput = Add(dOutput, Dot(dSums[t+1], transposed).Product())
		}
		dCell = Add(dCell, Mul(dOutput, at(toCell, t)))
		dSums[t] = Mul(Concatenate([]*Node{dCell, dCell, dCell, dOutput}, 1), at(slopes, t))
		dCell = Mul(dCell, at(forget, t))
	}
	return stack(dSums), Dot(dSums[0], transposed).Product(), dCell
}

// weightGradient is the weights' gradient, one product for the whole window.
func (w *window) weightGradient(dInputs *Node) *Node {
	return recurrentGradient(stack(w.outputs), w.hidden, dInputs)
}

// recurrentGradient is the gradient of the recurrent weights from the outputs of all steps, the
// hidden state before them, and the gradient of the gates' sums.
func recurrentGradient(outputs, hidden, dSums *Node) *Node {
	steps := outputs.Shape().Dimensions[0]
	before := InsertAxes(hidden, 0)
	if steps > 1 {
		before = Concatenate([]*Node{before, Slice(outputs, AxisRange(0, steps-1))}, 0)
	}
	rows := func(x *Node) *Node { return Reshape(x, -1, x.Shape().Dimensions[2]) }
	return DotGeneral(rows(before), []int{0}, nil, rows(dSums), []int{0}, nil)
}

// logisticSlope is the derivative of the logistic function where its value is y.
func logisticSlope(y *Node) *Node { return Mul(y, OneMinus(y)) }

// at is step t of a sequence, without the axis of time.
func at(sequence *Node, t int) *Node { return Squeeze(Slice(sequence, AxisElem(t)), 0) }

// stack makes a sequence of its steps.
func stack(steps []*Node) *Node { return Stack(steps, 0) }
