package nn

import (
	"fmt"
	"math/rand/v2"
	"testing"

	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/kafisto/kafisto/internal/engine/enginetest"
	"github.com/kafisto/kafisto/native"
)

func TestNativeNorm(t *testing.T) {
	backend := enginetest.Backend(t, "xla:cpu")
	t.Log(native.Available(backend), native.Instructions())
	for _, dims := range [][]int{{3000, 64}, {700, 37}, {128, 4, 4, 512}, {5, 3}} {
		for _, relu := range []bool{false, true} {
			for _, short := range []bool{false, true} {
				t.Run(fmt.Sprint(dims, relu, short), func(t *testing.T) {
					r := rand.New(rand.NewPCG(1, 2))
					size, ch := 1, dims[len(dims)-1]
					for _, d := range dims {
						size *= d
					}
					mk := func(n int, d ...int) *tensors.Tensor {
						f := make([]float32, n)
						for i := range f {
							f[i] = float32(r.NormFloat64()) + 0.5
						}
						return tensors.FromFlatDataAndDimensions(f, d...)
					}
					x, s, a, b, w := mk(size, dims...), mk(size, dims...), mk(ch, ch), mk(ch, ch), mk(size, dims...)
					run := func(fast bool) [][]float32 {
						e := MustNewExec(backend, func(x, s, a, b, w *Node) []*Node {
							if !short {
								s = nil
							}
							var y, mean, variance *Node
							if fast {
								y, mean, variance = nativeNormalize(x, a, b, s, relu)
							} else {
								mean, variance = batchMoments(x)
								y = finishNorm(normalize(x, mean, variance, a, b), s, relu)
							}
							in := []*Node{x, a, b}
							if short {
								in = append(in, s)
							}
							return append([]*Node{y, mean, variance}, Gradient(ReduceAllSum(Mul(y, w)), in...)...)
						})
						var out [][]float32
						for _, v := range e.MustCall(x, s, a, b, w) {
							out = append(out, tensors.MustCopyFlatData[float32](v))
						}
						return out
					}
					p, q := run(true), run(false)
					for i := range p {
						var worst, scale float64
						for j := range p[i] {
							worst = max(worst, abs(float64(p[i][j]-q[i][j])))
							scale = max(scale, abs(float64(q[i][j])))
						}
						t.Logf("%d: %.2g of %.2g", i, worst, scale)
						if worst > 1e-4*scale {
							t.Errorf("output %d differs by %g of %g", i, worst, scale)
						}
					}
				})
			}
		}
	}
}

func abs(x float64) float64 { return max(x, -x) }
