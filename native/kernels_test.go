//go:build cgo && linux && (amd64 || arm64)

package native_test

import (
	"math"
	"math/rand/v2"
	"os"
	"testing"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/dtypes"
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"

	"github.com/kafisto/kafisto/internal/engine/enginetest"
	"github.com/kafisto/kafisto/native"
)

// kernels is XLA's backend with the kernels, under the terms of enginetest.
func kernels(t testing.TB) compute.Backend {
	t.Helper()
	backend := enginetest.Backend(t, "xla:cpu")
	if !native.Available(backend) {
		_, err := native.Wrap(backend)
		if os.Getenv(enginetest.RequireXLA) == "1" {
			t.Fatal(err)
		}
		t.Skip(err)
	}
	return backend
}

// eachSet runs a test with each instruction set that the processor has. Programs
// that were compiled before use it too.
func eachSet(t *testing.T, run func(t *testing.T)) {
	defer native.UseInstructions(native.Instructions())
	for _, name := range []string{"avx512", "avx2", "portable"} {
		t.Run(name, func(t *testing.T) {
			if !native.UseInstructions(name) {
				t.Skip("not on this processor")
			}
			if got := native.Instructions(); got != name {
				t.Fatalf("the kernels use %s, want %s", got, name)
			}
			run(t)
		})
	}
}

// array is numbers of single precision in row-major order.
type array struct {
	dims []int
	flat []float32
}

// random draws normal numbers of some mean and deviation 1.
func random(r *rand.Rand, mean float64, dims ...int) array {
	size := 1
	for _, d := range dims {
		size *= d
	}
	a := array{dims, make([]float32, size)}
	for i := range a.flat {
		a.flat[i] = float32(mean + r.NormFloat64())
	}
	return a
}

// double is the array's numbers in double precision.
func (a array) double() []float64 {
	double := make([]float64, len(a.flat))
	for i, v := range a.flat {
		double[i] = float64(v)
	}
	return double
}

func (a array) tensor() *tensors.Tensor { return tensors.FromFlatDataAndDimensions(a.flat, a.dims...) }

// compile builds a program.
func compile(t testing.TB, fn func(in []*Node) []*Node) *Exec {
	t.Helper()
	exec, err := NewExec(kernels(t), fn)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(exec.Finalize)
	return exec
}

// call runs a program on copies of arrays.
func call(t testing.TB, exec *Exec, inputs ...array) [][]float64 {
	t.Helper()
	arguments := make([]any, len(inputs))
	for i, input := range inputs {
		arguments[i] = input.tensor()
	}
	return callWith(t, exec, arguments...)
}

func callWith(t testing.TB, exec *Exec, arguments ...any) (results [][]float64) {
	t.Helper()
	outputs, err := exec.Call(arguments...)
	if err != nil {
		t.Fatal(err)
	}
	for _, output := range outputs {
		results = append(results, numbers(output))
		output.MustFinalizeAll()
	}
	return results
}

// numbers is the content of a tensor of single or double precision.
func numbers(tensor *tensors.Tensor) []float64 {
	if tensor.DType() == dtypes.Float64 {
		return tensors.MustCopyFlatData[float64](tensor)
	}
	return array{nil, tensors.MustCopyFlatData[float32](tensor)}.double()
}

// mustMatch fails unless got agrees with want to tolerance, relative to the
// largest of want.
func mustMatch(t testing.TB, name string, got, want []float64, tolerance float64) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%s: %d numbers, want %d", name, len(got), len(want))
	}
	largest := 0.0
	for _, v := range want {
		largest = max(largest, math.Abs(v))
	}
	for i, v := range want {
		if diff := math.Abs(got[i] - v); !(diff <= tolerance*largest) {
			t.Errorf("%s: element %d of %d is %.9g, want %.9g: %.2g of the largest", name, i, len(want), got[i], v, diff/largest)
			return
		}
	}
}
