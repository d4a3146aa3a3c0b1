package nn

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"
	"github.com/kafisto/kafisto/internal/engine/enginetest"
	"github.com/kafisto/kafisto/internal/graphtest"
)

func TestReLU(t *testing.T) {
	enginetest.Each(t, func(t *testing.T, backend compute.Backend) {
		got := graphtest.Run(t, backend, func(in []*Node) []*Node {
			y := ReLU(in[0])
			return []*Node{y, Gradient(ReduceAllSum(Mul(y, in[1])), in[0])[0]}
		}, graphtest.Array{Dims: []int{4}, Flat: []float64{-2, 0, 0.5, 3}}, graphtest.Array{Dims: []int{4}, Flat: []float64{5, 6, 7, 8}})
		graphtest.MustMatch(t, "rectified", got[0], graphtest.Array{Dims: []int{4}, Flat: []float64{0, 0, 0.5, 3}}, 0)
		graphtest.MustMatch(t, "gradient", got[1], graphtest.Array{Dims: []int{4}, Flat: []float64{0, 0, 7, 8}}, 0)
	})
}

func TestLinear(t *testing.T) {
	enginetest.Each(t, func(t *testing.T, backend compute.Backend) {
		store := model.NewStore()
		store.RootScope().VariableWithValue("weights", [][]float64{{1, 2, 3}, {4, 5, 6}})
		store.RootScope().VariableWithValue("biases", []float64{10, 20, 30})
		exec := model.MustNewExec(backend, store, func(scope *model.Scope, x *Node) *Node { return Linear(scope, x, 3) })
		got := exec.MustCall(tensors.FromValue([][]float64{{1, 1}, {0, -1}}))[0]
		graphtest.MustMatch(t, "linear", graphtest.Of(got), graphtest.Array{Dims: []int{2, 3}, Flat: []float64{15, 27, 39, 6, 15, 24}}, 1e-15)
	})
}

// TestPooling uses an odd size, whose last row and column max and mean pooling leave out.
func TestPooling(t *testing.T) {
	enginetest.Each(t, func(t *testing.T, backend compute.Backend) {
		x := graphtest.Random(rand.New(rand.NewPCG(1, 7)), 2, 5, 4, 3)
		largest, mean, global := graphtest.Zeros(2, 2, 2, 3), graphtest.Zeros(2, 2, 2, 3), graphtest.Zeros(2, 3)
		for i := range largest.Flat {
			largest.Flat[i] = math.Inf(-1)
		}
		for i, v := range x.Flat {
			n, row, col, c := i/60, i/12%5, i/3%4, i%3
			global.Flat[n*3+c] += v / 20
			if row < 4 {
				at := ((n*2+row/2)*2+col/2)*3 + c
				largest.Flat[at] = max(largest.Flat[at], v)
				mean.Flat[at] += v / 4
			}
		}
		pools := []func(x *Node) *Node{MaxPool2x2, MeanPool2x2, GlobalMeanPool}
		got := graphtest.Run(t, backend, func(in []*Node) (out []*Node) {
			for _, pool := range pools {
				out = append(out, pool(in[0]))
			}
			return out
		}, x)
		for i, want := range []graphtest.Array{largest, mean, global} {
			graphtest.MustMatch(t, "pooled", got[i], want, 1e-14)
		}
		graphtest.CheckGradients(t, backend, func(in []*Node) *Node {
			sum := ScalarZero(in[0].Graph(), dtypes.Float64)
			for _, pool := range pools {
				y := pool(in[0])
				sum = Add(sum, ReduceAllSum(Mul(y, Square(y))))
			}
			return sum
		}, x)
	})
}

func TestLayersRefuseWrongShapes(t *testing.T) {
	backend := enginetest.Backend(t, "go")
	scope := func() *model.Scope { return model.NewStore().RootScope() }
	for want, build := range map[string]func(x *Node) *Node{
		"[batch, features]":            func(x *Node) *Node { return Linear(scope(), Reshape(x, -1), 2) },
		"must have a batch":            func(x *Node) *Node { return BatchNorm(scope(), Reshape(x, -1)) },
		"max pooling: input must be":   MaxPool2x2,
		"mean pooling: input must be":  MeanPool2x2,
		"global mean pooling":          GlobalMeanPool,
		"number of outputs is 0":       func(x *Node) *Node { return Linear(scope(), Reshape(x, 2, -1), 0) },
		"it must be at least 2x2":      func(x *Node) *Node { return MaxPool2x2(Reshape(x, 1, 1, 8, 1)) },
		"number of inputs is 0, it mu": func(x *Node) *Node { return FanInUniform(scope(), 0)(x.Graph(), x.Shape()) },
	} {
		graphtest.MustFail(t, backend, func(g *Graph) *Node { return build(Zeros(g, shapes.Make(dtypes.Float32, 2, 2, 2))) }, want)
	}
}
