// Package graphtest compares graphs with plain Go: arrays of float64, and gradients by finite
// differences.
package graphtest

import (
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/gomlx/compute"
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
)

// Array is a tensor of float64 in row-major order.
type Array struct {
	Dims []int
	Flat []float64
}

// Random draws numbers between -1 and 1.
func Random(r *rand.Rand, dims ...int) Array {
	a := Zeros(dims...)
	for i := range a.Flat {
		a.Flat[i] = 2*r.Float64() - 1
	}
	return a
}

// Zeros is an array of zeros.
func Zeros(dims ...int) Array {
	size := 1
	for _, d := range dims {
		size *= d
	}
	return Array{dims, make([]float64, size)}
}

// Tensor copies a into a tensor of float64.
func (a Array) Tensor() *tensors.Tensor { return tensors.FromFlatDataAndDimensions(a.Flat, a.Dims...) }

// Clone copies a, so that one number can be changed.
func (a Array) Clone() Array { return Array{a.Dims, append([]float64(nil), a.Flat...)} }

// Of is the content of a tensor of float64.
func Of(t *tensors.Tensor) Array {
	return Array{t.Shape().Dimensions, tensors.MustCopyFlatData[float64](t)}
}

// Run executes a graph function of any number of inputs and outputs.
func Run(t testing.TB, backend compute.Backend, fn func(inputs []*graph.Node) []*graph.Node, inputs ...Array) []Array {
	t.Helper()
	exec, err := graph.NewExec(backend, fn)
	if err != nil {
		t.Fatal(err)
	}
	defer exec.Finalize()
	return Call(t, exec, inputs...)
}

// Call runs a graph that was built before.
func Call(t testing.TB, exec *graph.Exec, inputs ...Array) []Array {
	t.Helper()
	args := make([]any, len(inputs))
	for i, input := range inputs {
		args[i] = input.Tensor()
	}
	results, err := exec.Call(args...)
	if err != nil {
		t.Fatal(err)
	}
	arrays := make([]Array, len(results))
	for i, result := range results {
		arrays[i] = Of(result)
	}
	return arrays
}

// MustMatch fails unless got agrees with want to tolerance, relative to the largest of want or 1.
func MustMatch(t testing.TB, name string, got, want Array, tolerance float64) {
	t.Helper()
	if len(got.Flat) != len(want.Flat) {
		t.Fatalf("%s: shape %v, want %v", name, got.Dims, want.Dims)
	}
	largest := 1.0
	for _, v := range want.Flat {
		largest = max(largest, math.Abs(v))
	}
	for i, v := range want.Flat {
		if diff := math.Abs(got.Flat[i] - v); !(diff <= tolerance*largest) {
			t.Fatalf("%s: element %d of %v is %.12g, want %.12g", name, i, want.Dims, got.Flat[i], v)
		}
	}
}

// NumericGradient is the central difference of fourth order of f at x, by steps of size step.
func NumericGradient(f func(x Array) float64, x Array, step float64) Array {
	gradient := Zeros(x.Dims...)
	for i := range x.Flat {
		at := func(steps float64) float64 {
			moved := x.Clone()
			moved.Flat[i] += steps * step
			return f(moved)
		}
		gradient.Flat[i] = (8*(at(1)-at(-1)) - (at(2) - at(-2))) / (12 * step)
	}
	return gradient
}

// CheckGradients compares the gradients of a scalar graph function with central differences of it.
func CheckGradients(t testing.TB, backend compute.Backend, loss func(inputs []*graph.Node) *graph.Node, inputs ...Array) {
	t.Helper()
	gradients := Run(t, backend, func(in []*graph.Node) []*graph.Node { return graph.Gradient(loss(in), in...) }, inputs...)
	value, err := graph.NewExec(backend, func(in []*graph.Node) *graph.Node { return loss(in) })
	if err != nil {
		t.Fatal(err)
	}
	defer value.Finalize()
	for i := range inputs {
		want := NumericGradient(func(x Array) float64 {
			moved := append([]Array(nil), inputs...)
			moved[i] = x
			return Call(t, value, moved...)[0].Flat[0]
		}, inputs[i], 1e-3)
		MustMatch(t, "gradient", gradients[i], want, 1e-8)
	}
}

// MustFail fails unless building the graph reports an error that mentions want.
func MustFail(t testing.TB, backend compute.Backend, fn func(g *graph.Graph) *graph.Node, want string) {
	t.Helper()
	_, err := graph.CallOnce(backend, fn)
	if err == nil {
		t.Fatalf("no error, want one about %q", want)
	}
	if !strings.Contains(err.Error(), want) {
		t.Fatalf("%q does not mention %q", err, want)
	}
}
