package conv

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/dtypes"
	. "github.com/gomlx/gomlx/core/graph"

	"github.com/kafisto/kafisto/internal/engine/enginetest"
	"github.com/kafisto/kafisto/internal/graphtest"
)

// plainConvolution is the definition: loops, nothing else.
func plainConvolution(x, w graphtest.Array, g Geometry) graphtest.Array {
	batch, in, out := x.Dims[0], w.Dims[2], w.Dims[3]
	y := graphtest.Zeros(batch, g.Out[0], g.Out[1], out)
	at := 0
	for n := range batch {
		for r := range g.Out[0] {
			for c := range g.Out[1] {
				for o := range out {
					for i := range g.Kernel[0] {
						for j := range g.Kernel[1] {
							row := r*g.Stride[0] + i - g.Padding[0][0]
							col := c*g.Stride[1] + j - g.Padding[1][0]
							if row < 0 || row >= g.In[0] || col < 0 || col >= g.In[1] {
								continue
							}
							for k := range in {
								y.Flat[at] += x.Flat[((n*g.In[0]+row)*g.In[1]+col)*in+k] *
									w.Flat[((i*g.Kernel[1]+j)*in+k)*out+o]
							}
						}
					}
					at++
				}
			}
		}
	}
	return y
}

// geometries are kernels 1 to 5, strides 1 to 3, odd and uneven sizes and paddings.
func geometries(t testing.TB) []Geometry {
	var list []Geometry
	add := func(in, kernel, stride [2]int, padding [2][2]int) {
		g, err := NewGeometry(in, kernel, stride, padding)
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, g)
	}
	for k := 1; k <= 5; k++ {
		for s := 1; s <= 3; s++ {
			p := k / 2
			add([2]int{7, 6}, [2]int{k, k}, [2]int{s, s}, [2][2]int{{p, p}, {p, p}})
		}
		add([2]int{6, 5}, [2]int{k, k}, [2]int{1, 1}, [2][2]int{})
		add([2]int{5, 8}, [2]int{k, k}, [2]int{2, 2}, [2][2]int{{0, 1}, {2, 0}})
	}
	add([2]int{8, 5}, [2]int{3, 2}, [2]int{1, 2}, [2][2]int{{1, 0}, {0, 1}})
	add([2]int{9, 4}, [2]int{2, 5}, [2]int{3, 1}, [2][2]int{{2, 1}, {2, 3}})
	return list
}

// expectedOfConvolution is the convolution of x with w by loops, and the gradients of its product
// with d for both by finite differences.
func expectedOfConvolution(x, w, d graphtest.Array, g Geometry) []graphtest.Array {
	loss := func(x, w graphtest.Array) float64 {
		sum := 0.0
		for i, v := range plainConvolution(x, w, g).Flat {
			sum += v * d.Flat[i]
		}
		return sum
	}
	// The loss is linear in each argument, so a difference of any step is exact.
	return []graphtest.Array{
		plainConvolution(x, w, g),
		graphtest.NumericGradient(func(x graphtest.Array) float64 { return loss(x, w) }, x, 1),
		graphtest.NumericGradient(func(w graphtest.Array) float64 { return loss(x, w) }, w, 1),
	}
}

// way is a lowering under test, for a problem that it can do.
type way struct {
	passes
	name string
}

// ways are the lowerings that can do all passes of a convolution of [2, in, 2] to 3 channels, each by
// itself.
func ways(place Place, g Geometry, dtype dtypes.DType) (list []way) {
	p := Problem{Geometry: g, Batch: 2, Inputs: 2, Outputs: 3, DType: dtype}
	for _, l := range lowerings {
		if l.can(place, ForwardPass, p) && l.can(place, InputGradientPass, p) && l.can(place, WeightGradientPass, p) {
			list = append(list, way{passes{func(Place, Pass, Problem) *lowering { return l }}, l.name})
		}
	}
	return list
}

// TestPassesAgainstLoops holds each pass by each lowering against loops and finite differences, in
// double and single precision. XLA, which takes long to compile, gets every second geometry, and
// single precision for 3x3 kernels only.
func TestPassesAgainstLoops(t *testing.T) {
	enginetest.Each(t, func(t *testing.T, backend compute.Backend) {
		all := PlaceOf(backend) == OnGo
		byKernel := map[[2]int][]Geometry{} // one graph a kernel
		for i, g := range geometries(t) {
			if all || i%2 == 0 {
				byKernel[g.Kernel] = append(byKernel[g.Kernel], g)
			}
		}
		for kernel, group := range byKernel {
			checkPasses(t, backend, group, dtypes.Float64, 1e-10)
			if all || kernel == [2]int{3, 3} {
				checkPasses(t, backend, group, dtypes.Float32, 1e-5)
			}
		}
	})
}

// checkPasses runs all ways to compute the passes of some geometries in one graph.
func checkPasses(t *testing.T, backend compute.Backend, group []Geometry, dtype dtypes.DType, tolerance float64) {
	t.Helper()
	r := rand.New(rand.NewPCG(1, 2))
	var inputs, want []graphtest.Array
	var labels []string
	for _, g := range group {
		x, w := graphtest.Random(r, 2, g.In[0], g.In[1], 2), graphtest.Random(r, g.Kernel[0], g.Kernel[1], 2, 3)
		d := graphtest.Random(r, 2, g.Out[0], g.Out[1], 3)
		inputs = append(inputs, x, w, d)
		expected := expectedOfConvolution(x, w, d, g)
		for _, way := range ways(PlaceOf(backend), g, dtype) {
			labels = append(labels, fmt.Sprintf("%s %s of %+v", dtype, way.name, g))
			want = append(want, expected...)
		}
	}
	got := graphtest.Run(t, backend, func(in []*Node) (results []*Node) {
		for i, g := range group {
			x, w, d := ConvertDType(in[3*i], dtype), ConvertDType(in[3*i+1], dtype), ConvertDType(in[3*i+2], dtype)
			for _, way := range ways(PlaceOf(backend), g, dtype) {
				for _, y := range []*Node{way.forward(x, w, g), way.inputGradient(d, w, g), way.weightGradient(x, d, g)} {
					results = append(results, ConvertDType(y, dtypes.Float64))
				}
			}
		}
		return results
	}, inputs...)
	for i, label := range labels {
		graphtest.MustMatch(t, label, got[3*i], want[3*i], tolerance)
		graphtest.MustMatch(t, "input gradient, "+label, got[3*i+1], want[3*i+1], tolerance)
		graphtest.MustMatch(t, "weight gradient, "+label, got[3*i+2], want[3*i+2], tolerance)
	}
}

// TestManyChannels compares the lowerings, on the pure-Go backend, at sizes where its matrix
// products take other ways than at small ones.
func TestManyChannels(t *testing.T) {
	backend := enginetest.Backend(t, "go")
	r := rand.New(rand.NewPCG(7, 8))
	for _, stride := range []int{1, 2} {
		g, err := NewGeometry([2]int{10, 9}, [2]int{3, 3}, [2]int{stride, stride}, [2][2]int{{1, 1}, {1, 1}})
		if err != nil {
			t.Fatal(err)
		}
		x, w := graphtest.Random(r, 3, 10, 9, 40), graphtest.Random(r, 3, 3, 40, 70)
		d := graphtest.Random(r, 3, g.Out[0], g.Out[1], 70)
		all := ways(OnGo, g, dtypes.Float32)
		got := graphtest.Run(t, backend, func(in []*Node) (results []*Node) {
			x, w, d := ConvertDType(in[0], dtypes.Float32), ConvertDType(in[1], dtypes.Float32), ConvertDType(in[2], dtypes.Float32)
			for _, way := range all {
				for _, y := range []*Node{way.forward(x, w, g), way.inputGradient(d, w, g), way.weightGradient(x, d, g)} {
					results = append(results, ConvertDType(y, dtypes.Float64))
				}
			}
			return results
		}, x, w, d)
		graphtest.MustMatch(t, all[0].name, got[0], plainConvolution(x, w, g), 1e-5)
		for i, way := range all {
			for pass := range 3 {
				graphtest.MustMatch(t, way.name, got[3*i+pass], got[pass], 1e-5)
			}
		}
	}
}

// TestTwiceDifferentiable takes the gradients of gradient penalties, by all ways that can, even
// kernels and strides too. The gradients of the penalty run all three passes and their gradients.
func TestTwiceDifferentiable(t *testing.T) {
	enginetest.Each(t, func(t *testing.T, backend compute.Backend) {
		r := rand.New(rand.NewPCG(3, 4))
		for _, c := range []struct{ size, stride int }{{1, 2}, {3, 1}, {4, 2}} {
			pad := [2][2]int{{c.size / 2, 0}, {0, c.size / 2}}
			g, err := NewGeometry([2]int{4, 3}, [2]int{c.size, c.size}, [2]int{c.stride, c.stride}, pad)
			if err != nil {
				t.Fatal(err)
			}
			graphtest.CheckGradients(t, backend, func(in []*Node) *Node {
				sum := ScalarZero(in[0].Graph(), dtypes.Float64)
				penalize := func(y *Node, inputs ...*Node) {
					for _, slope := range Gradient(ReduceAllSum(Mul(y, Square(y))), inputs...) {
						sum = Add(sum, ReduceAllSum(Square(slope)))
					}
				}
				for _, way := range ways(PlaceOf(backend), g, dtypes.Float64) {
					penalize(way.forward(in[0], in[1], g), in[0], in[1])
					if PlaceOf(backend) == OnGo { // XLA takes long to compile these
						penalize(way.inputGradient(in[2], in[1], g), in[2], in[1])
						penalize(way.weightGradient(in[0], in[2], g), in[0], in[2])
					}
				}
				return sum
			}, graphtest.Random(r, 1, 4, 3, 2), graphtest.Random(r, c.size, c.size, 2, 1), graphtest.Random(r, 1, g.Out[0], g.Out[1], 1))
		}
	})
}
