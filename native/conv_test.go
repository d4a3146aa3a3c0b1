//go:build cgo && linux && (amd64 || arm64)

package native_test

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/gomlx/compute/dtypes"
	. "github.com/gomlx/gomlx/core/graph"

	"github.com/kafisto/kafisto/native"
)

// plainProducts are the three products by their definition.
func plainProducts(c native.Conv, x, w, dy []float64) (y, dx, dw []float64) {
	y, dx, dw = make([]float64, len(dy)), make([]float64, len(x)), make([]float64, len(w))
	in, out := c.InChannels, c.Channels
	for q := range c.Batch * c.Out[0] * c.Out[1] {
		n, r, s := q/(c.Out[0]*c.Out[1]), q/c.Out[1]%c.Out[0], q%c.Out[1]
		yq, dq := y[q*out:][:out], dy[q*out:][:out]
		for tap := range c.Kernel[0] * c.Kernel[1] {
			row := r*c.Stride[0] + tap/c.Kernel[1] - c.Padding[0]
			column := s*c.Stride[1] + tap%c.Kernel[1] - c.Padding[1]
			if row < 0 || row >= c.In[0] || column < 0 || column >= c.In[1] {
				continue
			}
			for k := range in {
				at, line := ((n*c.In[0]+row)*c.In[1]+column)*in+k, (tap*in+k)*out
				wk, dk, sum := w[line:][:out], dw[line:][:out], 0.0
				for o, d := range dq {
					yq[o] += x[at] * wk[o]
					dk[o] += x[at] * d
					sum += wk[o] * d
				}
				dx[at] += sum
			}
		}
	}
	return y, dx, dw
}

// newConv is a convolution with zeros before and after.
func newConv(batch int, in [2]int, inputs, outputs int, kernel, stride [2]int, padding [2][2]int) native.Conv {
	c := native.Conv{Batch: batch, In: in, InChannels: inputs, Channels: outputs, Kernel: kernel, Stride: stride,
		Padding: [2]int{padding[0][0], padding[1][0]}}
	for axis := range 2 {
		c.Out[axis] = (in[axis]+padding[axis][0]+padding[axis][1]-kernel[axis])/stride[axis] + 1
	}
	return c
}

// directCases are kernels 1 to 5, strides 1 to 3, odd sizes, uneven paddings and
// kernels, few and many channels, one image and several.
func directCases() (cases []native.Conv) {
	channels := []int{1, 3, 5, 16, 33, 64, 70, 130}
	for k := 1; k <= 5; k++ {
		for s := 1; s <= 3; s++ {
			i := len(cases)
			pad := [2][2]int{{k / 2, i % 2}, {(k - 1) / 2, i % 3}}
			cases = append(cases, newConv(1+i%3, [2]int{7, 6}, channels[i%8], channels[i*3%8], [2]int{k, k}, [2]int{s, s}, pad))
		}
	}
	none := [2][2]int{}
	return append(cases,
		newConv(2, [2]int{8, 5}, 5, 64, [2]int{3, 1}, [2]int{1, 2}, [2][2]int{{1, 0}, {0, 1}}),
		newConv(4, [2]int{9, 4}, 16, 3, [2]int{2, 5}, [2]int{3, 1}, [2][2]int{{2, 1}, {2, 3}}),
		newConv(3, [2]int{1, 1}, 64, 70, [2]int{1, 1}, [2]int{1, 1}, none),
		newConv(1, [2]int{3, 3}, 130, 130, [2]int{3, 3}, [2]int{1, 1}, none),                   // 1x1 outputs
		newConv(2, [2]int{5, 1}, 33, 5, [2]int{1, 1}, [2]int{1, 3}, [2][2]int{{0, 0}, {2, 0}}), // of zeros alone
		newConv(2, [2]int{1, 5}, 5, 33, [2]int{1, 2}, [2]int{4, 2}, [2][2]int{{3, 0}, {3, 3}}),
		newConv(2, [2]int{5, 5}, 16, 16, [2]int{1, 1}, [2]int{3, 3}, none),                      // pixels that no window sees
		newConv(1, [2]int{4, 3}, 700, 5, [2]int{3, 3}, [2]int{1, 1}, [2][2]int{{1, 1}, {1, 1}}), // windows of several runs
		newConv(1, [2]int{4, 3}, 5, 700, [2]int{3, 3}, [2]int{1, 1}, [2][2]int{{1, 1}, {1, 1}}),
		newConv(1, [2]int{40, 37}, 3, 17, [2]int{3, 3}, [2]int{1, 1}, [2][2]int{{1, 1}, {1, 1}}), // one large image
		newConv(37, [2]int{6, 6}, 3, 17, [2]int{3, 3}, [2]int{2, 2}, [2][2]int{{1, 1}, {1, 1}}),
	)
}

// winogradCases are images smaller than a tile and larger, with all paddings;
// the last is so large that the weight gradient is made in two stretches.
func winogradCases() (cases []native.Conv) {
	for i, size := range [][2]int{{1, 1}, {2, 3}, {3, 2}, {4, 4}, {6, 6}, {7, 9}, {13, 5}} {
		for j, pad := range [][2][2]int{{{1, 1}, {1, 1}}, {{0, 2}, {2, 1}}, {{2, 2}, {0, 2}}} {
			channels := []int{16, 32, 64, 80, 144}
			c := newConv(1+(i+j)%3, size, channels[(i+j)%5], channels[(i+3*j)%5], [2]int{3, 3}, [2]int{1, 1}, pad)
			if c.Out[0] > 0 && c.Out[1] > 0 {
				cases = append(cases, c)
			}
		}
	}
	cases = append(cases, newConv(1, [2]int{3, 3}, 144, 32, [2]int{3, 3}, [2]int{1, 1}, [2][2]int{}),
		newConv(1, [2]int{172, 172}, 16, 16, [2]int{3, 3}, [2]int{1, 1}, [2][2]int{{1, 1}, {1, 1}}))
	for i := range cases {
		cases[i].Winograd = true
	}
	return cases
}

// TestConvolutions holds the three products against loops in double precision.
func TestConvolutions(t *testing.T) {
	for _, c := range []struct {
		name      string
		cases     []native.Conv
		tolerance float64
	}{{"direct", directCases(), 3e-6}, {"winograd", winogradCases(), 3e-5}} {
		t.Run(c.name, func(t *testing.T) {
			r := rand.New(rand.NewPCG(1, 2))
			var inputs []array
			var want [][]float64
			for _, c := range c.cases {
				if !c.Supported(dtypes.Float32) {
					t.Fatalf("not supported: %+v", c)
				}
				x, w := random(r, 0, c.Batch, c.In[0], c.In[1], c.InChannels), random(r, 0, c.Kernel[0], c.Kernel[1], c.InChannels, c.Channels)
				dy := random(r, 0, c.Batch, c.Out[0], c.Out[1], c.Channels)
				inputs = append(inputs, x, w, dy)
				y, dx, dw := plainProducts(c, x.double(), w.double(), dy.double())
				want = append(want, y, dx, dw)
			}
			exec := compile(t, func(in []*Node) (out []*Node) {
				for i, c := range c.cases {
					x, w, dy := in[3*i], in[3*i+1], in[3*i+2]
					out = append(out, c.Forward(x, w), c.InputGradient(dy, w), c.WeightGradient(x, dy))
				}
				return out
			})
			eachSet(t, func(t *testing.T) {
				for i, got := range call(t, exec, inputs...) {
					product := []string{"forward", "input gradient", "weight gradient"}[i%3]
					mustMatch(t, fmt.Sprintf("%s of %+v", product, c.cases[i/3]), got, want[i], c.tolerance)
				}
			})
		})
	}
}

// TestConvSupported asks for what the kernels cannot do.
func TestConvSupported(t *testing.T) {
	good := newConv(1, [2]int{5, 5}, 16, 16, [2]int{3, 3}, [2]int{1, 1}, [2][2]int{{1, 1}, {1, 1}})
	good.Winograd = true
	for what, change := range map[string]func(c *native.Conv){
		"channels in":   func(c *native.Conv) { c.InChannels = 24 },
		"channels out":  func(c *native.Conv) { c.Channels = 3 },
		"a kernel":      func(c *native.Conv) { c.Kernel[1] = 2 },
		"a stride":      func(c *native.Conv) { c.Stride[0] = 2 },
		"a padding":     func(c *native.Conv) { c.Padding[1] = 3 },
		"a wide window": func(c *native.Conv) { c.Winograd, c.Kernel, c.Channels = false, [2]int{40, 5}, 400 },
	} {
		c := good
		if change(&c); c.Supported(dtypes.Float32) {
			t.Errorf("%s that cannot be computed is supported: %+v", what, c)
		}
	}
	if good.Supported(dtypes.Float64) || !good.Supported(dtypes.Float32) {
		t.Error("Float32 alone is supported")
	}
}
