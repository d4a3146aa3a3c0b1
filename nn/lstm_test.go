package nn

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/ml/model"

	"github.com/kafisto/kafisto/internal/engine/enginetest"
	"github.com/kafisto/kafisto/internal/graphtest"
)

// naiveLSTM is the layer by its definition, for automatic differentiation.
func naiveLSTM(x, inputWeights, recurrentWeights, biases, hidden, cell *Node) (outputs, nextHidden, nextCell *Node) {
	size := hidden.Shape().Dimensions[1]
	var all []*Node
	for t := range x.Shape().Dimensions[0] {
		step := Squeeze(Slice(x, AxisElem(t)), 0)
		sums := Add(Dot(step, inputWeights).Product(), Dot(hidden, recurrentWeights).Product())
		sums = Add(sums, InsertAxes(biases, 0))
		gate := func(i int) *Node { return Slice(sums, AxisRange(), AxisRange(i*size, (i+1)*size)) }
		cell = Add(Mul(Sigmoid(gate(1)), cell), Mul(Sigmoid(gate(0)), Tanh(gate(2))))
		hidden = Mul(Sigmoid(gate(3)), Tanh(cell))
		all = append(all, hidden)
	}
	return Stack(all, 0), hidden, cell
}

// lstmCase is the sizes of a window.
type lstmCase struct{ steps, batch, in, size int }

func (c lstmCase) String() string {
	return fmt.Sprintf("%d steps, batch %d, from %d to %d", c.steps, c.batch, c.in, c.size)
}

// inputs are x, input weights, recurrent weights, biases, hidden, cell, and weights of the three
// results in a loss.
func (c lstmCase) inputs() []graphtest.Array {
	r := rand.New(rand.NewPCG(uint64(c.size), uint64(c.steps)))
	return []graphtest.Array{
		graphtest.Random(r, c.steps, c.batch, c.in), graphtest.Random(r, c.in, 4*c.size),
		graphtest.Random(r, c.size, 4*c.size), graphtest.Random(r, 4*c.size),
		graphtest.Random(r, c.batch, c.size), graphtest.Random(r, c.batch, c.size),
		graphtest.Random(r, c.steps, c.batch, c.size), graphtest.Random(r, c.batch, c.size), graphtest.Random(r, c.batch, c.size),
	}
}

var lstmResults = []string{"outputs", "next hidden", "next cell",
	"d x", "d input weights", "d recurrent weights", "d biases", "d hidden", "d cell"}

// lstmLoss is a loss of a layer's results, in which the state after the window has a part or not.
func lstmLoss(outputs, nextHidden, nextCell *Node, weights []*Node, throughState bool) *Node {
	loss := ReduceAllSum(Mul(outputs, weights[0]))
	if throughState {
		loss = Add(loss, Add(ReduceAllSum(Mul(nextHidden, weights[1])), ReduceAllSum(Mul(nextCell, weights[2]))))
	}
	return loss
}

// naiveResults builds lstmResults by the definition.
func naiveResults(throughState bool) func(in []*Node) []*Node {
	return func(in []*Node) []*Node {
		outputs, nextHidden, nextCell := naiveLSTM(in[0], in[1], in[2], in[3], in[4], in[5])
		loss := lstmLoss(outputs, nextHidden, nextCell, in[6:], throughState)
		return append([]*Node{outputs, nextHidden, nextCell}, Gradient(loss, in[:6]...)...)
	}
}

// layerResults gives lstmResults of the layer itself, computed in a number type.
func layerResults(t *testing.T, backend compute.Backend, dtype dtypes.DType, throughState bool, inputs []graphtest.Array) (results []graphtest.Array) {
	t.Helper()
	store := model.NewStore()
	names := []string{"input_weights", "recurrent_weights", "biases"}
	exec := model.MustNewExec(backend, store, func(scope *model.Scope, in []*Node) []*Node {
		return inDType(dtype, func(in []*Node) []*Node {
			for i, name := range names { // not trained here: values of the graph, so that they can be told apart
				scope.VariableWithShape(name, in[1+i].Shape()).SetNodeValue(in[1+i])
			}
			outputs, nextHidden, nextCell := LSTM(scope, in[0], in[4], in[5])
			loss := lstmLoss(outputs, nextHidden, nextCell, in[6:], throughState)
			return append([]*Node{outputs, nextHidden, nextCell}, Gradient(loss, in[:6]...)...)
		})(in)
	})
	defer exec.Finalize()
	args := make([]any, len(inputs))
	for i, input := range inputs {
		args[i] = input.Tensor()
	}
	for _, result := range exec.MustCall(args...) {
		results = append(results, graphtest.Of(result))
	}
	return results
}

// TestLSTMGradients holds the layer against automatic differentiation of its definition, in double
// precision, with and without gradients through the state after the window.
func TestLSTMGradients(t *testing.T) {
	exact := enginetest.Backend(t, "go")
	enginetest.Each(t, func(t *testing.T, backend compute.Backend) {
		for _, c := range []lstmCase{{1, 1, 1, 1}, {2, 3, 4, 5}, {7, 2, 3, 8}} {
			for _, throughState := range []bool{true, false} {
				inputs := c.inputs()
				want := graphtest.Run(t, exact, naiveResults(throughState), inputs...)
				got := layerResults(t, backend, dtypes.Float64, throughState, inputs)
				for i, name := range lstmResults {
					graphtest.MustMatch(t, fmt.Sprintf("%s, %s, through state %t", name, c, throughState), got[i], want[i], 1e-11)
				}
			}
		}
	})
}

// TestLSTMTwice takes the gradient of a gradient penalty.
func TestLSTMTwice(t *testing.T) {
	exact := enginetest.Backend(t, "go")
	enginetest.Each(t, func(t *testing.T, backend compute.Backend) {
		penalty := func(layer func(parts, weights, hidden, cell *Node) (*Node, *Node)) func(in []*Node) []*Node {
			return func(in []*Node) []*Node {
				outputs, nextCell := layer(in[0], in[1], in[2], in[3])
				loss := Add(ReduceAllSum(Mul(Square(outputs), outputs)), ReduceAllSum(Square(nextCell)))
				sum := ScalarZero(loss.Graph(), loss.DType())
				for i, slope := range Gradient(loss, in...) {
					sum = Add(sum, MulScalar(ReduceAllSum(Square(slope)), 1/float64(i+1)))
				}
				return append([]*Node{sum}, Gradient(sum, in...)...)
			}
		}
		r := rand.New(rand.NewPCG(1, 2))
		inputs := []graphtest.Array{graphtest.Random(r, 3, 2, 12), graphtest.Random(r, 3, 12), graphtest.Random(r, 2, 3), graphtest.Random(r, 2, 3)}
		want := graphtest.Run(t, exact, penalty(func(parts, weights, hidden, cell *Node) (*Node, *Node) {
			g := parts.Graph()
			eye, none := DiagonalWithValue(ScalarOne(g, dtypes.Float64), 12), Zeros(g, shapes.Make(dtypes.Float64, 12))
			outputs, _, nextCell := naiveLSTM(parts, eye, weights, none, hidden, cell)
			return outputs, nextCell
		}), inputs...)
		for i, got := range graphtest.Run(t, backend, penalty(recurrence), inputs...) {
			graphtest.MustMatch(t, fmt.Sprintf("result %d", i), got, want[i], 1e-11)
		}
	})
}

// pytorchLSTM is a window of PyTorch's nn.LSTM; testdata/export_lstm.py wrote it.
//
//go:embed testdata/lstm.json
var pytorchLSTM []byte

// TestLSTMParity holds the layer against PyTorch's in both number types.
func TestLSTMParity(t *testing.T) {
	var golden struct{ Inputs, Results []graphtest.Array }
	if err := json.Unmarshal(pytorchLSTM, &golden); err != nil {
		t.Fatal(err)
	}
	enginetest.Each(t, func(t *testing.T, backend compute.Backend) {
		for dtype, tolerance := range map[dtypes.DType]float64{dtypes.Float64: 1e-10, dtypes.Float32: 1e-6} {
			for i, got := range layerResults(t, backend, dtype, true, golden.Inputs) {
				graphtest.MustMatch(t, fmt.Sprintf("%s in %s", lstmResults[i], dtype), got, golden.Results[i], tolerance)
			}
		}
	})
}

// TestLSTMErrors: what is no window and no state is told in one sentence.
func TestLSTMErrors(t *testing.T) {
	backend := enginetest.Backend(t, "go")
	for want, dims := range map[string][3][]int{
		"input must be [time, batch, features]":        {{2, 3}, {3, 4}, {3, 4}},
		"hidden state must be [batch, size]":           {{5, 3, 2}, {2, 4}, {2, 4}},
		"cell state must have the shape of the hidden": {{5, 3, 2}, {3, 4}, {3, 5}},
	} {
		graphtest.MustFail(t, backend, func(g *Graph) *Node {
			zeros := func(i int) *Node { return Zeros(g, shapes.Make(dtypes.Float32, dims[i]...)) }
			outputs, _, _ := LSTM(model.NewStore().RootScope(), zeros(0), zeros(1), zeros(2))
			return outputs
		}, want)
	}
}

// TestLSTMByKernels holds the layer by the kernels against its definition in double precision.
func TestLSTMByKernels(t *testing.T) {
	fast, exact := withKernels(t), enginetest.Backend(t, "go")
	for _, c := range []lstmCase{{5, 3, 4, 33}, {2, 20, 30, 200}} {
		for _, throughState := range []bool{true, false} {
			inputs := c.inputs()
			want := graphtest.Run(t, exact, naiveResults(throughState), inputs...)
			got := layerResults(t, fast, dtypes.Float32, throughState, inputs)
			for i, name := range lstmResults {
				graphtest.MustMatch(t, fmt.Sprintf("%s, %s, through state %t", name, c, throughState), got[i], want[i], 1e-5)
			}
		}
	}
}

// TestLSTMByKernelsTwice: second derivatives by the kernels are refused, not wrong.
func TestLSTMByKernelsTwice(t *testing.T) {
	graphtest.MustFail(t, withKernels(t), func(g *Graph) *Node {
		x := IotaFull(g, shapes.Make(dtypes.Float32, 2, 3, 4))
		state := Zeros(g, shapes.Make(dtypes.Float32, 3, 5))
		outputs, _, _ := LSTM(model.NewStore().RootScope(), x, state, state)
		return Gradient(ReduceAllSum(Square(Gradient(ReduceAllSum(outputs), x)[0])), x)[0]
	}, "no second derivatives")
}
