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
	"github.com/gomlx/gomlx/core/tensors"

	"github.com/kafisto/kafisto/native"
)

// crossEntropyCase is logits with or without biases, and labels of which some are out of range.
type crossEntropyCase struct {
	logits, biases, adjoint array
	labels                  []int32
}

func newCrossEntropyCase(r *rand.Rand, rows, classes int, biased bool) crossEntropyCase {
	c := crossEntropyCase{logits: random(r, 0, rows, classes), adjoint: random(r, 0, rows), labels: make([]int32, rows)}
	if biased {
		c.biases = random(r, 0, classes)
	}
	for i := range c.labels {
		c.labels[i] = int32(r.IntN(classes))
		if i%7 == 3 {
			c.labels[i] = []int32{-1, int32(classes), math.MaxInt32, math.MinInt32}[i/7%4]
		}
	}
	return c
}

func (c crossEntropyCase) String() string {
	return fmt.Sprintf("%v logits, biases %t", c.logits.dims, c.biases.flat != nil)
}

// plain are the losses and the gradients for logits and biases by their definition.
func (c crossEntropyCase) plain() (losses, dLogits, dBiases []float64) {
	rows, classes := c.logits.dims[0], c.logits.dims[1]
	losses, dLogits, dBiases = make([]float64, rows), make([]float64, rows*classes), make([]float64, classes)
	for i, label := range c.labels {
		if label < 0 || int(label) >= classes {
			continue
		}
		row := array{nil, c.logits.flat[i*classes:][:classes]}.double()
		for k := range c.biases.flat {
			row[k] = float64(c.logits.flat[i*classes+k] + c.biases.flat[k]) // rounded as the kernel does
		}
		largest, sum := slices.Max(row), 0.0
		for _, v := range row {
			sum += math.Exp(v - largest)
		}
		losses[i] = math.Log(sum) + largest - row[label]
		for k, v := range row {
			d := math.Exp(v-largest) / sum
			if k == int(label) {
				d--
			}
			dLogits[i*classes+k] = d * float64(c.adjoint.flat[i])
			dBiases[k] += d * float64(c.adjoint.flat[i])
		}
	}
	return losses, dLogits, dBiases
}

// crossEntropies builds both passes of some cases; call it on their arguments.
func crossEntropies(t *testing.T, cases []crossEntropyCase) *Exec {
	return compile(t, func(in []*Node) (out []*Node) {
		for _, c := range cases {
			logits, labels, adjoint := in[0], in[1], in[2]
			in = in[3:]
			var biases *Node
			if c.biases.flat != nil {
				biases, in = in[0], in[1:]
			}
			k := native.CrossEntropy{}
			losses, largest, sums := k.Forward(logits, biases, labels)
			out = append(append(out, losses), k.Backward(adjoint, logits, biases, labels, largest, sums)...)
		}
		return out
	})
}

func (c crossEntropyCase) arguments() []any {
	arguments := []any{c.logits.tensor(), tensors.FromValue(c.labels), c.adjoint.tensor()}
	if c.biases.flat != nil {
		arguments = append(arguments, c.biases.tensor())
	}
	return arguments
}

// TestCrossEntropy holds both passes against loops in double precision: sizes that are no multiple of
// a vector, one class, several blocks of a row, several parts of the rows, and large and infinite
// logits. Two calls give the same bits.
func TestCrossEntropy(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 8))
	var cases []crossEntropyCase
	for i, size := range [][2]int{{1, 1}, {1, 3}, {2, 16}, {5, 33}, {70, 31}, {9, 2048}, {3, 2049}, {8, 6001}, {2100, 17}} {
		cases = append(cases, newCrossEntropyCase(r, size[0], size[1], i%2 == 0), newCrossEntropyCase(r, size[0], size[1], i%2 == 1))
	}
	extreme := newCrossEntropyCase(r, 6, 5000, false)
	for i := range extreme.logits.flat {
		extreme.logits.flat[i] *= 1e4
		if i/5000 == 1 && i%5000 < 4500 || i/5000 == 2 && i%5000 > 100 {
			extreme.logits.flat[i] = float32(math.Inf(-1)) // whole blocks, first and last
		}
	}
	extreme.labels[1], extreme.labels[2] = 4700, 50
	cases = append(cases, extreme)
	exec := crossEntropies(t, cases)
	eachSet(t, func(t *testing.T) {
		run := func() [][]float64 {
			var arguments []any
			for _, c := range cases {
				arguments = append(arguments, c.arguments()...)
			}
			return callWith(t, exec, arguments...)
		}
		got, again := run(), run()
		for i := range got {
			if !slices.Equal(got[i], again[i]) {
				t.Errorf("result %d differs between two calls", i)
			}
		}
		for _, c := range cases {
			losses, dLogits, dBiases := c.plain()
			mustMatch(t, "losses of "+c.String(), got[0], losses, 3e-6)
			mustMatch(t, "logits' gradient of "+c.String(), got[1], dLogits, 3e-6)
			got = got[2:]
			if c.biases.flat != nil {
				mustMatch(t, "biases' gradient of "+c.String(), got[0], dBiases, 3e-6)
				got = got[1:]
			}
		}
	})
}

// TestCrossEntropyIsAccurate: gradients of single classes, over all of their range, are right to a few
// units in the last place, and 0 below the smallest normal number.
func TestCrossEntropyIsAccurate(t *testing.T) {
	const classes = 4001
	c := crossEntropyCase{logits: array{[]int{1, classes}, make([]float32, classes)}, adjoint: array{[]int{1}, []float32{1}}, labels: []int32{0}}
	for i := range c.logits.flat {
		c.logits.flat[i] = -float32(i) * 0.0237
	}
	exec := crossEntropies(t, []crossEntropyCase{c})
	_, want, _ := c.plain()
	eachSet(t, func(t *testing.T) {
		got := callWith(t, exec, c.arguments()...)[1]
		for i, v := range want {
			if v > 0 && v < 1.3e-38 {
				v = 0
			}
			if math.Abs(got[i]-v) > 6e-7*math.Abs(v)+1.3e-38 {
				t.Fatalf("the gradient of class %d is %g, want %g", i, got[i], v)
			}
		}
	})
}

// TestCrossEntropyShowsDivergence: a NaN, an infinite logit and a row of nothing but -infinity give NaN,
// and an impossible class an infinite loss; other rows stay as they are.
func TestCrossEntropyShowsDivergence(t *testing.T) {
	c := newCrossEntropyCase(rand.New(rand.NewPCG(9, 10)), 6, 37, false)
	c.labels = []int32{0, 1, 2, 3, 4, 5}
	c.logits.flat[20] = float32(math.NaN())
	c.logits.flat[2*37+7] = float32(math.Inf(1))
	for i := range 37 {
		c.logits.flat[3*37+i] = float32(math.Inf(-1))
	}
	c.logits.flat[5*37+5] = float32(math.Inf(-1))
	exec := crossEntropies(t, []crossEntropyCase{c})
	eachSet(t, func(t *testing.T) {
		got := callWith(t, exec, c.arguments()...)
		for i, loss := range got[0] {
			wantNaN := i == 0 || i == 2 || i == 3
			if math.IsNaN(loss) != wantNaN || math.IsInf(loss, 1) != (i == 5) {
				t.Errorf("the loss of row %d is %g", i, loss)
			}
			if d := got[1][i*37+30]; math.IsNaN(d) != wantNaN {
				t.Errorf("a gradient of row %d is %g", i, d)
			}
		}
	})
}

// TestCrossEntropySupported: single precision alone.
func TestCrossEntropySupported(t *testing.T) {
	if c := (native.CrossEntropy{}); !c.Supported(dtypes.Float32) || c.Supported(dtypes.Float64) {
		t.Error("Float32 alone is supported")
	}
}
