package nn

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/dtypes"
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/ml/model"

	"github.com/kafisto/kafisto/internal/engine/enginetest"
	"github.com/kafisto/kafisto/internal/graphtest"
	"github.com/kafisto/kafisto/native"
)

// withKernels is XLA's backend with the kernels.
func withKernels(t *testing.T) compute.Backend {
	t.Helper()
	backend := enginetest.Backend(t, "xla:cpu")
	if !native.Available(backend) {
		t.Skip("no kernels: package native tests whether there should be some")
	}
	return backend
}

// inDType builds a graph in a number type from inputs of double precision, and gives results of it.
func inDType(dtype dtypes.DType, fn func(in []*Node) []*Node) func(in []*Node) []*Node {
	convert := func(nodes []*Node, to dtypes.DType) (converted []*Node) {
		for _, n := range nodes {
			converted = append(converted, ConvertDType(n, to))
		}
		return converted
	}
	return func(in []*Node) []*Node { return convert(fn(convert(in, dtype)), dtypes.Float64) }
}

// normVariants calls a function for each combination of shortcut and rectifier.
func normVariants(run func(name string, shortcut, relu bool)) {
	for i := range 4 {
		shortcut, relu := i&1 != 0, i&2 != 0
		run(fmt.Sprintf("shortcut %t, ReLU %t", shortcut, relu), shortcut, relu)
	}
}

// TestNativeNormGradients holds value, moments and gradients by the kernels against the plain
// composition in double precision.
func TestNativeNormGradients(t *testing.T) {
	fast, exact := withKernels(t), enginetest.Backend(t, "go")
	for i, dims := range [][]int{{600, 37}, {8, 3, 5, 64}, {5, 3}} {
		r := rand.New(rand.NewPCG(uint64(i), 2))
		channels := dims[len(dims)-1]
		inputs := []graphtest.Array{graphtest.Random(r, dims...), graphtest.Random(r, dims...), graphtest.Random(r, channels),
			graphtest.Random(r, channels), graphtest.Random(r, dims...)}
		normVariants(func(name string, shortcut, relu bool) {
			build := func(in []*Node) []*Node {
				x, s, scale, offset, weight := in[0], in[1], in[2], in[3], in[4]
				wanted := []*Node{x, scale, offset}
				if shortcut {
					wanted = append(wanted, s)
				} else {
					s = nil
				}
				var y, mean, variance *Node
				if x.DType() == dtypes.Float32 {
					y, mean, variance = nativeNormalize(x, scale, offset, s, relu)
				} else {
					mean, variance = batchMoments(x)
					y = finishNorm(normalize(x, mean, variance, scale, offset), s, relu)
				}
				return append([]*Node{y, mean, variance}, Gradient(ReduceAllSum(Mul(y, weight)), wanted...)...)
			}
			got := graphtest.Run(t, fast, inDType(dtypes.Float32, build), inputs...)
			want := graphtest.Run(t, exact, build, inputs...)
			for j, what := range []string{"y", "mean", "variance", "dx", "d scale", "d offset", "d shortcut"}[:len(want)] {
				graphtest.MustMatch(t, fmt.Sprintf("%s of %v, %s", what, dims, name), got[j], want[j], 1e-5)
			}
		})
	}
}

// TestNativeNormTwice takes gradients of gradient penalties through BatchNorm and BatchNormReLU, as
// users do, for every input, and holds them against the pure-Go engine in double precision.
func TestNativeNormTwice(t *testing.T) {
	fast, exact := withKernels(t), enginetest.Backend(t, "go")
	r := rand.New(rand.NewPCG(3, 4))
	inputs := []graphtest.Array{graphtest.Random(r, 3, 2, 4, 5), graphtest.Random(r, 3, 2, 4, 5), graphtest.Random(r, 3, 2, 4, 5)}
	normVariants(func(name string, shortcut, relu bool) {
		penalty := func(scope *model.Scope, in []*Node) []*Node {
			scope.SetTraining(in[0].Graph(), true)
			x, s, weight := in[0], in[1], in[2]
			wanted := []*Node{x, s}
			if !shortcut {
				s, wanted = nil, wanted[:1]
			}
			y := batchNorm(scope, x, s, relu)
			for _, variable := range []string{"/scale", "/offset"} {
				wanted = append(wanted, scope.Store().GetVariable(variable).NodeValue(x))
			}
			sum := ScalarZero(x.Graph(), x.DType())
			// The penalty of a function that is not linear in y: the first gradient depends on y in two ways.
			for i, slope := range Gradient(ReduceAllSum(Mul(Mul(Square(y), y), weight)), wanted...) {
				sum = Add(sum, MulScalar(ReduceAllSum(Square(slope)), 1/float64(i+1)))
			}
			return append([]*Node{sum}, Gradient(sum, wanted...)...)
		}
		run := func(backend compute.Backend, dtype dtypes.DType) (results []graphtest.Array) {
			exec := model.MustNewExec(backend, model.NewStore(), func(scope *model.Scope, in []*Node) []*Node {
				return inDType(dtype, func(in []*Node) []*Node { return penalty(scope, in) })(in)
			})
			defer exec.Finalize()
			for _, result := range exec.MustCall(inputs[0].Tensor(), inputs[1].Tensor(), inputs[2].Tensor()) {
				results = append(results, graphtest.Of(result))
			}
			return results
		}
		want := run(exact, dtypes.Float64)
		for i, got := range run(fast, dtypes.Float32) {
			graphtest.MustMatch(t, fmt.Sprintf("result %d, %s", i, name), got, want[i], 1e-4)
		}
	})
}
