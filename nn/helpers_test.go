package nn

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/gomlx/compute"
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
)

// array is a tensor of float64 in row-major order.
type array struct {
	dims []int
	flat []float64
}

// randomArray draws numbers between -1 and 1.
func randomArray(r *rand.Rand, dims ...int) array {
	a := zeroArray(dims...)
	for i := range a.flat {
		a.flat[i] = 2*r.Float64() - 1
	}
	return a
}

func zeroArray(dims ...int) array {
	size := 1
	for _, d := range dims {
		size *= d
	}
	return array{dims, make([]float64, size)}
}

func (a array) tensor() *tensors.Tensor { return tensors.FromFlatDataAndDimensions(a.flat, a.dims...) }

// clone copies a, so that one number can be changed.
func (a array) clone() array { return array{a.dims, append([]float64(nil), a.flat...)} }

func arrayOf(t *tensors.Tensor) array {
	return array{t.Shape().Dimensions, tensors.MustCopyFlatData[float64](t)}
}

// run executes a graph function of any number of inputs and outputs.
func run(t testing.TB, backend compute.Backend, fn func(inputs []*Node) []*Node, inputs ...array) []array {
	t.Helper()
	exec, err := NewExec(backend, fn)
	if err != nil {
		t.Fatal(err)
	}
	defer exec.Finalize()
	return call(t, exec, inputs...)
}

func call(t testing.TB, exec *Exec, inputs ...array) []array {
	t.Helper()
	args := make([]any, len(inputs))
	for i, input := range inputs {
		args[i] = input.tensor()
	}
	results, err := exec.Call(args...)
	if err != nil {
		t.Fatal(err)
	}
	arrays := make([]array, len(results))
	for i, result := range results {
		arrays[i] = arrayOf(result)
	}
	return arrays
}

// mustMatch fails unless got agrees with want to tolerance, relative to the largest of want or 1.
func mustMatch(t testing.TB, name string, got, want array, tolerance float64) {
	t.Helper()
	if len(got.flat) != len(want.flat) {
		t.Fatalf("%s: shape %v, want %v", name, got.dims, want.dims)
	}
	largest := 1.0
	for _, v := range want.flat {
		largest = max(largest, math.Abs(v))
	}
	for i, v := range want.flat {
		if diff := math.Abs(got.flat[i] - v); !(diff <= tolerance*largest) {
			t.Fatalf("%s: element %d of %v is %.12g, want %.12g", name, i, want.dims, got.flat[i], v)
		}
	}
}

// numericGradient is the central difference of f at x, by steps of size step.
func numericGradient(f func(x array) float64, x array, step float64) array {
	gradient := zeroArray(x.dims...)
	for i := range x.flat {
		up, down := x.clone(), x.clone()
		up.flat[i] += step
		down.flat[i] -= step
		gradient.flat[i] = (f(up) - f(down)) / (2 * step)
	}
	return gradient
}

// checkGradients compares the gradients of a scalar graph function with central differences of it.
func checkGradients(t testing.TB, backend compute.Backend, loss func(inputs []*Node) *Node, inputs ...array) {
	t.Helper()
	gradients := run(t, backend, func(in []*Node) []*Node { return Gradient(loss(in), in...) }, inputs...)
	value, err := NewExec(backend, func(in []*Node) *Node { return loss(in) })
	if err != nil {
		t.Fatal(err)
	}
	defer value.Finalize()
	for i := range inputs {
		want := numericGradient(func(x array) float64 {
			moved := append([]array(nil), inputs...)
			moved[i] = x
			return call(t, value, moved...)[0].flat[0]
		}, inputs[i], 1e-5)
		mustMatch(t, "gradient", gradients[i], want, 1e-7)
	}
}

// mustFail fails unless building the graph reports an error that mentions want.
func mustFail(t testing.TB, backend compute.Backend, fn func(g *Graph) *Node, want string) {
	t.Helper()
	_, err := ExecOnce(backend, fn)
	if err == nil {
		t.Fatalf("no error, want one about %q", want)
	}
	mustContain(t, err.Error(), want)
}
