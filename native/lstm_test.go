//go:build cgo && linux && (amd64 || arm64)

package native_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/gomlx/compute/dtypes"
	. "github.com/gomlx/gomlx/core/graph"

	"github.com/kafisto/kafisto/native"
)

// lstmCases are weights that fit into a cache and ones that do not, fewer rows
// than threads, and no multiples of a vector or of a tile.
func lstmCases() (cases []native.LSTM) {
	for _, size := range []int{1, 7, 200, 333} {
		for _, batch := range []int{1, 3, 20} {
			for _, steps := range []int{1, 5, 35} {
				cases = append(cases, native.LSTM{Steps: steps, Batch: batch, Size: size})
			}
		}
	}
	return append(cases, native.LSTM{Steps: 2, Batch: 131, Size: 40})
}

// lstmInputs are the arguments of Forward, and the adjoints of outputs and last cell.
func lstmInputs(r *rand.Rand, l native.LSTM) []array {
	weights := random(r, 0, l.Size, 4*l.Size)
	for i := range weights.flat {
		weights.flat[i] /= float32(math.Sqrt(float64(l.Size)))
	}
	return []array{random(r, 0, l.Steps, l.Batch, 4*l.Size), weights, random(r, 0, 4*l.Size), random(r, 0, l.Batch, l.Size),
		random(r, 0, l.Batch, l.Size), random(r, 0, l.Steps, l.Batch, l.Size), random(r, 0, l.Batch, l.Size)}
}

const lstmArguments = 7

var lstmResults = []string{"outputs", "next cell", "d inputs", "d hidden", "d cell"}

// lstmGraph gives lstmResults of each case.
func lstmGraph(cases []native.LSTM) func(in []*Node) []*Node {
	return func(in []*Node) (out []*Node) {
		for i, l := range cases {
			a := in[lstmArguments*i:]
			outputs, nextCell, cells, saved := l.Forward(a[0], a[1], a[2], a[3], a[4])
			dInputs, dHidden, dCell := l.Backward(a[1], a[4], cells, saved, a[5], a[6])
			out = append(out, outputs, nextCell, dInputs, dHidden, dCell)
		}
		return out
	}
}

func logistic(x float64) float64 { return 1 / (1 + math.Exp(-x)) }

// plainLSTM is lstmResults by loops over time, rows and units.
func plainLSTM(l native.LSTM, arguments []array) [][]float64 {
	var a [lstmArguments][]float64
	for i := range a {
		a[i] = arguments[i].double()
	}
	inputs, weights, biases, hidden, dOutputs := a[0], a[1], a[2], a[3], a[5]
	cell, dCell := slices.Clone(a[4]), slices.Clone(a[6])
	size, state := l.Size, l.Batch*l.Size
	outputs, gates := make([]float64, l.Steps*state), slices.Clone(inputs) // gates: sums, then i, f, g, o
	cells := append(slices.Clone(cell), make([]float64, l.Steps*state)...) // those before each step, and the last
	for t := range l.Steps {
		for row := range l.Batch {
			before, sums := hidden[row*size:][:size], gates[(t*l.Batch+row)*4*size:][:4*size]
			for j := range sums {
				sums[j] += biases[j]
			}
			for u, h := range before {
				for j, w := range weights[u*4*size:][:4*size] {
					sums[j] += h * w
				}
			}
			for u := range size {
				i, f, g, o := logistic(sums[u]), logistic(sums[size+u]), math.Tanh(sums[2*size+u]), logistic(sums[3*size+u])
				sums[u], sums[size+u], sums[2*size+u], sums[3*size+u] = i, f, g, o
				at := t*state + row*size + u
				cells[at+state] = f*cells[at] + i*g
				outputs[at] = o * math.Tanh(cells[at+state])
			}
		}
		hidden = outputs[t*state:][:state]
	}
	dInputs, dHidden := make([]float64, len(inputs)), make([]float64, state)
	for t := l.Steps - 1; t >= 0; t-- {
		for row := range l.Batch {
			values, d := gates[(t*l.Batch+row)*4*size:][:4*size], dInputs[(t*l.Batch+row)*4*size:][:4*size]
			for u := range size {
				i, f, g, o := values[u], values[size+u], values[2*size+u], values[3*size+u]
				here, at := row*size+u, t*state+row*size+u
				squashed, dOutput := math.Tanh(cells[at+state]), dOutputs[at]+dHidden[here]
				dCell[here] += dOutput * o * (1 - squashed*squashed)
				d[u], d[size+u] = dCell[here]*g*i*(1-i), dCell[here]*cells[at]*f*(1-f)
				d[2*size+u], d[3*size+u] = dCell[here]*i*(1-g*g), dOutput*squashed*o*(1-o)
				dCell[here] *= f
			}
			for u := range size {
				sum := 0.0
				for j, w := range weights[u*4*size:][:4*size] {
					sum += d[j] * w
				}
				dHidden[row*size+u] = sum
			}
		}
	}
	return [][]float64{outputs, cells[l.Steps*state:], dInputs, dHidden, dCell}
}

// TestLSTM holds both passes against loops in double precision, with each
// instruction set, and each against itself.
func TestLSTM(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 8))
	cases := lstmCases()
	var inputs []array
	var want [][]float64
	for _, l := range cases {
		arguments := lstmInputs(r, l)
		inputs = append(inputs, arguments...)
		want = append(want, plainLSTM(l, arguments)...)
	}
	exec := compile(t, lstmGraph(cases))
	eachSet(t, func(t *testing.T) {
		got, again := call(t, exec, inputs...), call(t, exec, inputs...)
		for i := range want {
			name := fmt.Sprintf("%s of %+v", lstmResults[i%len(lstmResults)], cases[i/len(lstmResults)])
			mustMatch(t, name, got[i], want[i], 3e-6)
			if !slices.Equal(got[i], again[i]) {
				t.Errorf("%s: two calls differ", name)
			}
		}
	})
}

// TestLSTMRows: a row has the same bits alone, where the threads share its
// units, and among others, where they share the rows.
func TestLSTMRows(t *testing.T) {
	const row = 13
	many := native.LSTM{Steps: 6, Batch: 20, Size: 200}
	one := many
	one.Batch = 1
	inputs := lstmInputs(rand.New(rand.NewPCG(9, 10)), many)
	take := func(numbers []float64, steps int) (taken []float64) {
		width := len(numbers) / steps / many.Batch
		for s := range steps {
			taken = append(taken, numbers[(s*many.Batch+row)*width:][:width]...)
		}
		return taken
	}
	exec := compile(t, func(in []*Node) []*Node {
		alone := slices.Clone(in)
		for i, x := range in {
			switch {
			case x.Rank() == 3:
				alone[i] = Slice(x, AxisRange(), AxisElem(row))
			case i != 1 && x.Rank() == 2:
				alone[i] = Slice(x, AxisElem(row))
			}
		}
		return append(lstmGraph([]native.LSTM{many})(in), lstmGraph([]native.LSTM{one})(alone)...)
	})
	eachSet(t, func(t *testing.T) {
		got := call(t, exec, inputs...)
		for i, name := range lstmResults {
			steps := 1
			if i == 0 || i == 2 {
				steps = many.Steps
			}
			if !slices.Equal(take(got[i], steps), got[len(lstmResults)+i]) {
				t.Errorf("%s of row %d depend on the other rows", name, row)
			}
		}
	})
}

// TestLSTMGates looks at the gates' values for sums of all sizes, and NaN, which
// must show.
func TestLSTMGates(t *testing.T) {
	var sums []float64
	for x := 1e-30; x < 1e30; x *= 1.01 {
		sums = append(sums, x, -x)
	}
	sums = append(sums, 0, math.Inf(1), math.Inf(-1), math.NaN())
	l := native.LSTM{Steps: 1, Batch: len(sums), Size: 1}
	inputs := array{[]int{1, l.Batch, 4}, nil}
	for _, x := range sums {
		inputs.flat = append(inputs.flat, float32(x), float32(x), float32(x), float32(x))
	}
	exec := compile(t, func(in []*Node) []*Node {
		outputs, nextCell, _, saved := l.Forward(in[0], in[1], in[2], in[3], in[4])
		return []*Node{outputs, nextCell, saved}
	})
	zeros := func(dims ...int) array { return array{dims, make([]float32, dims[0]*dims[len(dims)-1])} }
	eachSet(t, func(t *testing.T) {
		got := call(t, exec, inputs, zeros(1, 4), array{[]int{4}, make([]float32, 4)}, zeros(l.Batch, 1), zeros(l.Batch, 1))
		for i := range sums {
			x := float64(inputs.flat[4*i])
			gate, candidate := logistic(x), math.Tanh(x)
			for j, want := range []float64{gate, gate, candidate, gate, math.Tanh(gate * candidate)} {
				v := got[2][5*i+j]
				if math.IsNaN(v) != math.IsNaN(want) || math.Abs(v-want) > 3e-7*math.Abs(want)+1e-37 {
					t.Fatalf("value %d for sums of %g is %.9g, want %.9g", j, x, v, want)
				}
			}
			if math.IsNaN(x) != math.IsNaN(got[0][i]) || math.IsNaN(x) != math.IsNaN(got[1][i]) {
				t.Errorf("for sums of %g, the output is %g and the cell %g", x, got[0][i], got[1][i])
			}
		}
	})
}

// TestLSTMSupported: single precision alone.
func TestLSTMSupported(t *testing.T) {
	if l := (native.LSTM{}); !l.Supported(dtypes.Float32) || l.Supported(dtypes.Float64) {
		t.Error("Float32 alone is supported")
	}
}
