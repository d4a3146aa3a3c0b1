package gradient

import (
	"testing"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/dtypes"
	. "github.com/gomlx/gomlx/core/graph"

	"github.com/kafisto/kafisto/internal/engine/enginetest"
	"github.com/kafisto/kafisto/internal/graphtest"
)

// odd is a*a*b with gradients that are not its own, 10b and 20a, so that it shows who made them.
func odd(a, b *Node) *Node {
	return With(Mul(Square(a), b), []*Node{a, b}, func(adjoint *Node) []*Node {
		return []*Node{MulScalar(Mul(adjoint, b), 10), MulScalar(Mul(adjoint, a), 20)}
	})
}

func vector(values ...float64) graphtest.Array {
	return graphtest.Array{Dims: []int{len(values)}, Flat: values}
}

// TestWith takes first and second gradients, twice in one graph, of vectors and of a scalar.
func TestWith(t *testing.T) {
	enginetest.Each(t, func(t *testing.T, backend compute.Backend) {
		got := graphtest.Run(t, backend, func(in []*Node) []*Node {
			y := odd(in[0], in[1])
			first := Gradient(ReduceAllSum(MulScalar(y, 3)), in[0], in[1])
			again := Gradient(ReduceAllSum(y), in[0])
			second := Gradient(ReduceAllSum(Square(first[0])), in[1]) // (30b)^2 for b
			scalar := Gradient(odd(Reshape(in[2]), Reshape(in[2])), in[2])
			return append(append([]*Node{y}, first...), again[0], second[0], scalar[0])
		}, vector(1, 2), vector(3, 5), vector(7))
		for i, want := range []graphtest.Array{
			vector(3, 20), vector(90, 150), vector(60, 120), vector(30, 50), vector(5400, 9000), vector(210),
		} {
			graphtest.MustMatch(t, []string{"value", "for a", "for b", "again", "second", "scalar"}[i], got[i], want, 1e-12)
		}
	})
}

// TestOthersKeepTheirGradient uses the operations that With is made of for what they are.
func TestOthersKeepTheirGradient(t *testing.T) {
	enginetest.Each(t, func(t *testing.T, backend compute.Backend) {
		graphtest.CheckGradients(t, backend, func(in []*Node) *Node {
			filling := Scalar(in[0].Graph(), dtypes.Float64, 2) // for a filling, GoMLX has no gradient
			padded := Pad(SchedulingBarrier(in[0], in[1]), filling, compute.PadAxis{Start: 1, Interior: 1})
			return Add(ReduceAllSum(Mul(Square(padded), AddScalar(padded, 1))), ReduceAllSum(Square(in[1])))
		}, vector(1, 2, 3), vector(0.5, -0.25))
	})
}
