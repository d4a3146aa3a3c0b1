package nn

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/ml/model"
	"github.com/kafisto/kafisto/internal/engine/enginetest"
	"pgregory.net/rapid"
)

// plainConvolution is the definition: loops, nothing else.
func plainConvolution(x, w array, g geometry) array {
	batch, in, out := x.dims[0], w.dims[2], w.dims[3]
	y := zeroArray(batch, g.out[0], g.out[1], out)
	at := 0
	for n := range batch {
		for r := range g.out[0] {
			for c := range g.out[1] {
				for o := range out {
					for i := range g.kernel[0] {
						for j := range g.kernel[1] {
							row := r*g.stride[0] + i - g.padding[0][0]
							col := c*g.stride[1] + j - g.padding[1][0]
							if row < 0 || row >= g.in[0] || col < 0 || col >= g.in[1] {
								continue
							}
							for k := range in {
								y.flat[at] += x.flat[((n*g.in[0]+row)*g.in[1]+col)*in+k] *
									w.flat[((i*g.kernel[1]+j)*in+k)*out+o]
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
func geometries(t testing.TB) []geometry {
	var list []geometry
	add := func(in, kernel, stride [2]int, padding [2][2]int) {
		g, err := newGeometry(in, kernel, stride, padding)
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

// lowerings are the ways to compute g that are tested: on the Go backend all that can, on XLA, which
// takes long to compile each, the one that is chosen.
func lowerings(backend compute.Backend, g geometry) []lowerTo {
	if backend.String() != "go" {
		return []lowerTo{{"chosen", convolve}}
	}
	ways := []lowerTo{{"patches", convolveByPatches}}
	if g.isCentred() {
		ways = append(ways, lowerTo{"direct", convolveDirectly})
	}
	if g.isPointwise() {
		ways = append(ways, lowerTo{"pointwise", convolveByProduct})
	}
	return ways
}

// lowerTo is a lowering by name.
type lowerTo struct {
	name string
	conv func(x, w *Node, g geometry) *Node
}

func TestConvolutionAgainstLoops(t *testing.T) {
	enginetest.Each(t, func(t *testing.T, backend compute.Backend) {
		r := rand.New(rand.NewPCG(1, 2))
		byKernel := map[[2]int][]geometry{} // one graph a kernel: XLA takes long to compile each
		for _, g := range geometries(t) {
			byKernel[g.kernel] = append(byKernel[g.kernel], g)
		}
		for _, group := range byKernel {
			var inputs, want []array
			var labels []string
			for _, g := range group {
				x, w := randomArray(r, 2, g.in[0], g.in[1], 2), randomArray(r, g.kernel[0], g.kernel[1], 2, 3)
				d := randomArray(r, 2, g.out[0], g.out[1], 3)
				expected := expectedOfConvolution(x, w, d, g)
				for _, way := range lowerings(backend, g) {
					labels = append(labels, fmt.Sprintf("%s of %+v", way.name, g))
					want = append(want, expected...)
					inputs = append(inputs, x, w, d)
				}
			}
			got := run(t, backend, func(in []*Node) (results []*Node) {
				for _, g := range group {
					for _, way := range lowerings(backend, g) {
						y := way.conv(in[0], in[1], g)
						results = append(results, y)
						results = append(results, Gradient(ReduceAllSum(Mul(y, in[2])), in[0], in[1])...)
						in = in[3:]
					}
				}
				return results
			}, inputs...)
			for i, label := range labels {
				mustMatch(t, label, got[3*i], want[3*i], 1e-12)
				mustMatch(t, "input gradient, "+label, got[3*i+1], want[3*i+1], 1e-12)
				mustMatch(t, "weight gradient, "+label, got[3*i+2], want[3*i+2], 1e-12)
			}
		}
	})
}

// expectedOfConvolution is the convolution of x with w by loops, and the gradients of its product
// with d for both by finite differences.
func expectedOfConvolution(x, w, d array, g geometry) []array {
	loss := func(x, w array) float64 {
		sum := 0.0
		for i, v := range plainConvolution(x, w, g).flat {
			sum += v * d.flat[i]
		}
		return sum
	}
	// The loss is linear in each argument, so a difference of any step is exact.
	return []array{
		plainConvolution(x, w, g),
		numericGradient(func(x array) float64 { return loss(x, w) }, x, 1),
		numericGradient(func(w array) float64 { return loss(x, w) }, w, 1),
	}
}

// TestConvolutionTwiceDifferentiable takes the gradient of a gradient penalty, with even kernels too.
// The backend's own convolution is left out: GoMLX differentiates it twice for stride 1 only.
func TestConvolutionTwiceDifferentiable(t *testing.T) {
	enginetest.Each(t, func(t *testing.T, backend compute.Backend) {
		r := rand.New(rand.NewPCG(3, 4))
		for _, size := range []int{1, 3, 4} {
			g, err := newGeometry([2]int{4, 3}, [2]int{size, size}, [2]int{2, 2}, [2][2]int{{size / 2, 0}, {0, size / 2}})
			if err != nil {
				t.Fatal(err)
			}
			way := convolveByPatches
			if g.isPointwise() {
				way = convolveByProduct
			}
			checkGradients(t, backend, func(in []*Node) *Node {
				y := way(in[0], in[1], g)
				slope := Gradient(ReduceAllSum(Mul(y, Square(y))), in[0])[0]
				return ReduceAllSum(Square(slope))
			}, randomArray(r, 1, 4, 3, 2), randomArray(r, size, size, 2, 1))
		}
	})
}

// TestConvLayer checks names, shapes, defaults and the bias.
func TestConvLayer(t *testing.T) {
	enginetest.Each(t, func(t *testing.T, backend compute.Backend) {
		store := model.NewStore()
		exec := model.MustNewExec(backend, store, func(scope *model.Scope, x *Node) []*Node {
			y := Conv(scope.In("conv"), x).Channels(4).KernelSizes(3, 2).Strides(2).PaddingPerSide(1, 0, 0, 1).Done()
			return []*Node{y, Add(
				convolve(x, store.GetVariable("/conv/weights").NodeValue(x.Graph()), geometry{
					kernel: [2]int{3, 2}, stride: [2]int{2, 2}, padding: [2][2]int{{1, 0}, {0, 1}}, in: [2]int{6, 5}, out: [2]int{3, 3}}),
				Reshape(store.GetVariable("/conv/biases").NodeValue(x.Graph()), 1, 1, 1, 4))}
		})
		got := exec.MustCall(randomArray(rand.New(rand.NewPCG(5, 6)), 2, 6, 5, 3).tensor())
		mustMatch(t, "convolution with bias", arrayOf(got[0]), arrayOf(got[1]), 0)
		if s := store.GetVariable("/conv/weights").Shape(); !s.Equal(shapes.Make(dtypes.Float64, 3, 2, 3, 4)) {
			t.Errorf("weights are %s", s)
		}
		if n := store.NumVariables(); n != 3 { // and the random state
			t.Errorf("%d variables, want weights, biases and the random state", n)
		}
	})
}

func TestConvLayerRefusesWrongUse(t *testing.T) {
	backend := enginetest.Backend(t, "go")
	for want, build := range map[string]func(c *ConvBuilder) *ConvBuilder{
		"output channels is 0":   func(c *ConvBuilder) *ConvBuilder { return c.KernelSize(3) },
		"height is 0":            func(c *ConvBuilder) *ConvBuilder { return c.Channels(2) },
		"stride over the height": func(c *ConvBuilder) *ConvBuilder { return c.Channels(2).KernelSize(1).Strides(0) },
		"cannot be negative":     func(c *ConvBuilder) *ConvBuilder { return c.Channels(2).KernelSize(1).Padding(-1) },
		"does not fit":           func(c *ConvBuilder) *ConvBuilder { return c.Channels(2).KernelSize(7) },
	} {
		store := model.NewStore()
		mustFail(t, backend, func(g *Graph) *Node {
			return build(Conv(store.RootScope(), Zeros(g, shapes.Make(dtypes.Float32, 1, 4, 4, 1)))).Done()
		}, want)
	}
	mustFail(t, backend, func(g *Graph) *Node {
		return Conv(model.NewStore().RootScope(), Zeros(g, shapes.Make(dtypes.Float32, 4, 4))).Channels(1).KernelSize(1).Done()
	}, "input must be [batch, height, width, channels]")
}

// TestGeometryCountsWindows holds newGeometry against counting the places where a kernel fits.
func TestGeometryCountsWindows(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		pair := func(low, high int, name string) [2]int {
			return [2]int{rapid.IntRange(low, high).Draw(t, name), rapid.IntRange(low, high).Draw(t, name)}
		}
		in, kernel, stride := pair(1, 12, "in"), pair(1, 6, "kernel"), pair(1, 4, "stride")
		padding := [2][2]int{pair(0, 5, "rows"), pair(0, 5, "columns")}
		g, err := newGeometry(in, kernel, stride, padding)
		for axis := range 2 {
			places := 0
			for start := -padding[axis][0]; start+kernel[axis] <= in[axis]+padding[axis][1]; start += stride[axis] {
				places++
			}
			if places == 0 {
				if err == nil {
					t.Fatalf("no error though no window fits: %+v", g)
				}
				return
			}
			if err == nil && g.out[axis] != places {
				t.Fatalf("%d windows, want %d: %+v", g.out[axis], places, g)
			}
		}
		if err != nil {
			t.Fatalf("refused a convolution that fits: %v", err)
		}
	})
}

// TestChooseLowering names what each backend gets.
func TestChooseLowering(t *testing.T) {
	even := geometry{kernel: [2]int{4, 4}, stride: [2]int{2, 2}, padding: [2][2]int{{1, 1}, {1, 1}}}
	wide := geometry{kernel: [2]int{3, 3}, stride: [2]int{1, 1}, padding: [2][2]int{{2, 1}, {1, 1}}}
	plain := geometry{kernel: [2]int{3, 3}, stride: [2]int{2, 2}, padding: [2][2]int{{1, 1}, {1, 1}}}
	point := geometry{kernel: [2]int{1, 1}, stride: [2]int{2, 2}}
	want := map[string]map[geometry]lowering{
		"go":  {even: patches, wide: patches, plain: patches, point: pointwise},
		"xla": {even: patches, wide: patches, plain: direct, point: direct},
	}
	enginetest.Each(t, func(t *testing.T, backend compute.Backend) {
		for g, way := range want[backend.String()] {
			if got := chooseLowering(backend, g); got != way {
				t.Errorf("lowering %d, want %d, for %+v", got, way, g)
			}
		}
		if want[backend.String()] == nil {
			t.Errorf("backend calls itself %q", backend.String())
		}
	})
}

func mustContain(t testing.TB, text, want string) {
	t.Helper()
	if !strings.Contains(text, want) {
		t.Fatalf("%q does not mention %q", text, want)
	}
}
