//go:build cgo && linux && (amd64 || arm64)

package native_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/gomlx/compute/dtypes"
	. "github.com/gomlx/gomlx/core/graph"

	"github.com/kafisto/kafisto/native"
)

// normCase is a normalisation of [rows, channels] numbers around a mean.
type normCase struct {
	rows, channels int
	mean           float64
	shortcut, relu bool
}

func normCases() (cases []normCase) {
	for i, size := range [][2]int{{2, 1}, {3, 3}, {5, 16}, {7, 130}, {511, 33}, {513, 70}, {3000, 5}, {1025, 64}} {
		for flags := range 4 {
			cases = append(cases, normCase{size[0], size[1], float64(i % 3), flags&1 != 0, flags&2 != 0})
		}
	}
	return append(cases, normCase{3000, 17, 1e3, false, false}, normCase{3000, 64, -1e3, true, true})
}

func (c normCase) String() string {
	return fmt.Sprintf("%d rows of %d, mean %g, shortcut %t, ReLU %t", c.rows, c.channels, c.mean, c.shortcut, c.relu)
}

// tolerance is rounding, also that of x itself and of its mean.
func (c normCase) tolerance() float64 { return 3e-6 + 1e-7*math.Abs(c.mean) }

func (c normCase) kernel() native.Norm { return native.Norm{Epsilon: 1e-5, ReLU: c.relu} }

// plain are the results of Forward and Backward by their definition. The mask
// of the rectifier is that of y32, so that rounding does not decide about it.
func (c normCase) plain(x, scale, offset, shortcut, dy, y32 []float64) [][]float64 {
	n, ch := float64(c.rows), c.channels
	mean, variance, dScale, dOffset := make([]float64, ch), make([]float64, ch), make([]float64, ch), make([]float64, ch)
	y, dx, d := make([]float64, len(x)), make([]float64, len(x)), make([]float64, len(x))
	for i, v := range x {
		mean[i%ch] += v / n
	}
	for i, v := range x {
		variance[i%ch] += (v - mean[i%ch]) * (v - mean[i%ch]) / n
	}
	deviation := func(k int) float64 { return math.Sqrt(variance[k] + 1e-5) }
	for i, v := range x {
		k := i % ch
		y[i], d[i] = (v-mean[k])/deviation(k)*scale[k]+offset[k], dy[i]
		if c.shortcut {
			y[i] += shortcut[i]
		}
		if c.relu {
			y[i] = max(y[i], 0)
			if y32[i] == 0 {
				d[i] = 0
			}
		}
		dOffset[k] += d[i]
		dScale[k] += d[i] * (v - mean[k]) / deviation(k)
	}
	for i, v := range x {
		k := i % ch
		dx[i] = scale[k] / deviation(k) * (d[i] - dOffset[k]/n - (v-mean[k])/deviation(k)*dScale[k]/n)
	}
	results := [][]float64{y, mean, variance, dx, dScale, dOffset}
	if c.shortcut {
		results = append(results, d)
	}
	return results
}

// TestNorm holds both passes against loops in double precision.
func TestNorm(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	cases := normCases()
	var inputs []array
	for _, c := range cases {
		inputs = append(inputs, random(r, c.mean, c.rows, c.channels), random(r, 1, c.channels), random(r, 0, c.channels),
			random(r, 0, c.rows, c.channels), random(r, 0, c.rows, c.channels))
	}
	exec := compile(t, func(in []*Node) (out []*Node) {
		for i, c := range cases {
			x, scale, offset, shortcut, dy := in[5*i], in[5*i+1], in[5*i+2], in[5*i+3], in[5*i+4]
			if !c.shortcut {
				shortcut = nil
			}
			y, mean, variance := c.kernel().Forward(x, scale, offset, shortcut)
			out = append(out, y, mean, variance)
			if !c.shortcut {
				y = nil
			}
			out = append(out, c.kernel().Backward(dy, x, mean, variance, scale, offset, y)...)
		}
		return out
	})
	names := []string{"y", "mean", "variance", "dx", "d scale", "d offset", "d shortcut"}
	eachSet(t, func(t *testing.T) {
		got := call(t, exec, inputs...)
		for i, c := range cases {
			in := inputs[5*i:]
			want := c.plain(in[0].double(), in[1].double(), in[2].double(), in[3].double(), in[4].double(), got[0])
			for j := range want {
				tolerance := c.tolerance()
				switch {
				case names[j] == "mean":
					tolerance = 1e-6
				case names[j] == "d scale": // multiplies the mean's rounding by the sum of dy
					tolerance *= 5
				case names[j] == "dx" && c.rows == 2:
					tolerance = 1e-2 // of next to nothing: any two numbers are +1 and -1 when normalised
				}
				mustMatch(t, names[j]+" of "+c.String(), got[j], want[j], tolerance)
			}
			got = got[len(want):]
		}
	})
}

// TestNormShowsDivergence: the rectifier must not turn NaN into 0.
func TestNormShowsDivergence(t *testing.T) {
	n := native.Norm{Epsilon: 1e-5, ReLU: true}
	exec := compile(t, func(in []*Node) []*Node {
		y, mean, variance := n.Forward(in[0], in[1], in[1], nil)
		return append([]*Node{y}, n.Backward(in[0], in[0], mean, variance, in[1], in[1], nil)...)
	})
	x := random(rand.New(rand.NewPCG(5, 6)), 0, 40, 2)
	x.flat[10] = float32(math.NaN())
	eachSet(t, func(t *testing.T) {
		got := call(t, exec, x, array{[]int{2}, []float32{1, 1}})
		for i, v := range got[0] {
			if math.IsNaN(v) != (i%2 == 0) {
				t.Fatalf("element %d of y is %g, though the first channel has a NaN and the second has not", i, v)
			}
		}
		if dx := got[1]; !math.IsNaN(dx[0]) || math.IsNaN(dx[1]) {
			t.Errorf("dx begins %g, %g", dx[0], dx[1])
		}
	})
}

// TestNormSupported: single precision alone.
func TestNormSupported(t *testing.T) {
	if n := (native.Norm{}); !n.Supported(dtypes.Float32) || n.Supported(dtypes.Float64) {
		t.Error("Float32 alone is supported")
	}
}
