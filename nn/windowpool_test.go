package nn

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	. "github.com/gomlx/gomlx/core/graph"

	"github.com/kafisto/kafisto/internal/engine/enginetest"
	"github.com/kafisto/kafisto/internal/graphtest"
)

// plainPool pools by loops: the largest number of each window, and the mean of those in the image.
func plainPool(x graphtest.Array, size, stride, padding int) (largest, mean graphtest.Array) {
	batch, height, width, channels := x.Dims[0], x.Dims[1], x.Dims[2], x.Dims[3]
	rows, columns := (height+2*padding-size)/stride+1, (width+2*padding-size)/stride+1
	largest, mean = graphtest.Zeros(batch, rows, columns, channels), graphtest.Zeros(batch, rows, columns, channels)
	for at := range largest.Flat {
		c, column, row, n := at%channels, at/channels%columns, at/channels/columns%rows, at/channels/columns/rows
		best, sum, count := math.Inf(-1), 0.0, 0.0
		for i := row*stride - padding; i < row*stride-padding+size; i++ {
			for j := column*stride - padding; j < column*stride-padding+size; j++ {
				if i >= 0 && i < height && j >= 0 && j < width {
					v := x.Flat[((n*height+i)*width+j)*channels+c]
					best, sum, count = max(best, v), sum+v, count+1
				}
			}
		}
		largest.Flat[at], mean.Flat[at] = best, sum/count
	}
	return largest, mean
}

func TestWindowPooling(t *testing.T) {
	enginetest.Each(t, func(t *testing.T, backend compute.Backend) {
		for _, c := range []struct{ size, stride, padding int }{{3, 2, 0}, {3, 1, 1}, {2, 2, 1}, {3, 2, 1}} {
			t.Run(fmt.Sprint(c), func(t *testing.T) {
				x := graphtest.Random(rand.New(rand.NewPCG(2, 7)), 2, 6, 5, 3)
				for i := range x.Flat {
					x.Flat[i] -= 2 // all negative: padding with zeros would show
				}
				got := graphtest.Run(t, backend, func(in []*Node) []*Node {
					return []*Node{WindowMaxPool(in[0], c.size, c.stride, c.padding), WindowMeanPool(in[0], c.size, c.stride, c.padding)}
				}, x)
				largest, mean := plainPool(x, c.size, c.stride, c.padding)
				graphtest.MustMatch(t, "largest", got[0], largest, 0)
				graphtest.MustMatch(t, "mean", got[1], mean, 1e-14)
				graphtest.CheckGradients(t, backend, func(in []*Node) *Node {
					y := Concatenate([]*Node{WindowMaxPool(in[0], c.size, c.stride, c.padding), WindowMeanPool(in[0], c.size, c.stride, c.padding)}, 3)
					return ReduceAllSum(Mul(y, Square(y)))
				}, x)
			})
		}
	})
}

// TestResizeBilinear has PyTorch's values of enlarging 2x2 pixels, and of shrinking a row.
func TestResizeBilinear(t *testing.T) {
	enginetest.Each(t, func(t *testing.T, backend compute.Backend) {
		got := graphtest.Run(t, backend, func(in []*Node) []*Node {
			return []*Node{ResizeBilinear(in[0], 4, 4), ResizeBilinear(in[0], 2, 2), ResizeBilinear(in[1], 1, 2)}
		}, graphtest.Array{Dims: []int{1, 2, 2, 1}, Flat: []float64{1, 2, 3, 4}},
			graphtest.Array{Dims: []int{1, 1, 5, 1}, Flat: []float64{1, 2, 4, 8, 16}})
		graphtest.MustMatch(t, "enlarged", got[0], graphtest.Array{Dims: []int{1, 4, 4, 1}, Flat: []float64{
			1, 1.25, 1.75, 2, 1.5, 1.75, 2.25, 2.5, 2.5, 2.75, 3.25, 3.5, 3, 3.25, 3.75, 4}}, 1e-15)
		graphtest.MustMatch(t, "as it was", got[1], graphtest.Array{Dims: []int{1, 2, 2, 1}, Flat: []float64{1, 2, 3, 4}}, 0)
		graphtest.MustMatch(t, "shrunk", got[2], graphtest.Array{Dims: []int{1, 1, 2, 1}, Flat: []float64{1.75, 10}}, 1e-15)
	})
}

func TestWindowLayersRefuse(t *testing.T) {
	backend := enginetest.Backend(t, "go")
	for want, build := range map[string]func(x *Node) *Node{
		"at most half":            func(x *Node) *Node { return WindowMaxPool(x, 3, 1, 2) },
		"stride":                  func(x *Node) *Node { return WindowMeanPool(x, 3, 0, 1) },
		"does not fit":            func(x *Node) *Node { return WindowMaxPool(x, 5, 1, 0) },
		"kernel's height is 0":    func(x *Node) *Node { return WindowMeanPool(x, 0, 1, 0) },
		"max pooling: input must": func(x *Node) *Node { return WindowMaxPool(Reshape(x, -1), 3, 1, 1) },
		"at least 1x1":            func(x *Node) *Node { return ResizeBilinear(x, 0, 4) },
		"resizing: input must":    func(x *Node) *Node { return ResizeBilinear(Reshape(x, -1), 4, 4) },
	} {
		graphtest.MustFail(t, backend, func(g *Graph) *Node { return build(Zeros(g, shapes.Make(dtypes.Float32, 1, 4, 4, 2))) }, want)
	}
}
