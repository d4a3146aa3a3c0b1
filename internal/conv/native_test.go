package conv

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/gomlx/compute/dtypes"
	. "github.com/gomlx/gomlx/core/graph"

	"github.com/kafisto/kafisto/internal/engine/enginetest"
	"github.com/kafisto/kafisto/internal/graphtest"
	"github.com/kafisto/kafisto/native"
)

// twiceCase is a convolution with one of the native lowerings.
type twiceCase struct {
	Geometry
	batch, in, out int
	lowering       *lowering
}

// twiceCases are every third geometry with few and many channels, in turn, and Winograd's.
func twiceCases(t *testing.T) (cases []twiceCase) {
	for i, g := range geometries(t) {
		if i%3 == 0 {
			cases = append(cases, twiceCase{g, 1 + i%2, []int{2, 17, 1}[i/3%3], []int{3, 1, 33}[i/3%3], nativeDirect})
		}
	}
	for i, pad := range [][2][2]int{{{1, 1}, {1, 1}}, {{0, 2}, {2, 1}}} {
		g, err := NewGeometry([2]int{7, 6}, [2]int{3, 3}, [2]int{1, 1}, pad)
		if err != nil {
			t.Fatal(err)
		}
		cases = append(cases, twiceCase{g, 2, 16 + 16*i, 32, nativeWinograd})
	}
	return cases
}

// penaltyGradients are the gradients of a gradient penalty of each of the three passes, for what that
// pass takes.
func penaltyGradients(s passes, x, w, d *Node, g Geometry) (results []*Node) {
	for _, pass := range []struct {
		y      *Node
		inputs []*Node
	}{
		{s.forward(x, w, g), []*Node{x, w}},
		{s.inputGradient(d, w, g), []*Node{d, w}},
		{s.weightGradient(x, d, g), []*Node{x, d}},
	} {
		sum := ScalarZero(x.Graph(), x.DType())
		for _, slope := range Gradient(ReduceAllSum(Mul(pass.y, Square(pass.y))), pass.inputs...) {
			sum = Add(sum, ReduceAllSum(Square(slope)))
		}
		results = append(results, Gradient(sum, pass.inputs...)...)
	}
	return results
}

// TestNativeTwiceDifferentiable takes gradients of gradient penalties through the kernels, in single
// precision, and holds them against the pure-Go engine in double precision, whose second order
// TestTwiceDifferentiable checks by finite differences.
func TestNativeTwiceDifferentiable(t *testing.T) {
	backend := enginetest.Backend(t, "xla:cpu")
	if !native.Available(backend) {
		t.Skip("no kernels: package native tests whether there should be some")
	}
	r := rand.New(rand.NewPCG(5, 6))
	cases := twiceCases(t)
	var inputs []graphtest.Array
	for _, c := range cases {
		inputs = append(inputs, graphtest.Random(r, c.batch, c.In[0], c.In[1], c.in),
			graphtest.Random(r, c.Kernel[0], c.Kernel[1], c.in, c.out), graphtest.Random(r, c.batch, c.Out[0], c.Out[1], c.out))
	}
	build := func(dtype dtypes.DType, of func(c twiceCase) *lowering) func(in []*Node) []*Node {
		return func(in []*Node) (results []*Node) {
			for i, c := range cases {
				s := passes{func(Place, Pass, Problem) *lowering { return of(c) }}
				x, w, d := ConvertDType(in[3*i], dtype), ConvertDType(in[3*i+1], dtype), ConvertDType(in[3*i+2], dtype)
				for _, y := range penaltyGradients(s, x, w, d, c.Geometry) {
					results = append(results, ConvertDType(y, dtypes.Float64))
				}
			}
			return results
		}
	}
	want := graphtest.Run(t, enginetest.Backend(t, "go"), build(dtypes.Float64, func(twiceCase) *lowering { return patches }), inputs...)
	got := graphtest.Run(t, backend, build(dtypes.Float32, func(c twiceCase) *lowering { return c.lowering }), inputs...)
	for i := range want {
		c := cases[i/6]
		graphtest.MustMatch(t, fmt.Sprintf("gradient %d by %s of %+v", i%6, c.lowering.name, c.Geometry), got[i], want[i], 1e-4)
	}
}
