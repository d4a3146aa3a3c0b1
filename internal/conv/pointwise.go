package conv

import (
	"github.com/gomlx/compute"
	. "github.com/gomlx/gomlx/core/graph"
)

// pointwise is for 1x1 kernels without padding: one matrix product of every stride-th pixel.
var pointwise = &lowering{
	name: "pointwise",
	can:  func(_ Place, _ Pass, p Problem) bool { return p.isPointwise() },
	forward: func(x, w *Node, g Geometry) *Node {
		return pixelProduct(everyStride(x, g), Reshape(w, w.Shape().Dimensions[2:]...))
	},
	inputGradient: func(dy, w *Node, g Geometry) *Node {
		dx := DotGeneral(dy, []int{3}, nil, Reshape(w, w.Shape().Dimensions[2:]...), []int{1}, nil)
		return everyStrideBack(dx, g)
	},
	weightGradient: func(x, dy *Node, g Geometry) *Node {
		return InsertAxes(tallProduct(everyStride(x, g), dy), 0, 0)
	},
}

// everyStride keeps the first of every stride rows and columns of x.
func everyStride(x *Node, g Geometry) *Node {
	if g.Stride == [2]int{1, 1} {
		return x
	}
	batch, channels := x.Shape().Dimensions[0], x.Shape().Dimensions[3]
	phased := reshape(padZeros(x, g.alignment()), g.phased(batch, channels))
	return Reshape(padZeros(phased, g.window(0, 0)), batch, g.Out[0], g.Out[1], channels)
}

// everyStrideBack puts what everyStride kept back in its place, with zeros between.
func everyStrideBack(kept *Node, g Geometry) *Node {
	if g.Stride == [2]int{1, 1} {
		return kept
	}
	pads := make([]compute.PadAxis, 4)
	for axis, stride := range g.Stride {
		spread := (g.Out[axis]-1)*stride + 1
		pads[axis+1] = compute.PadAxis{End: g.In[axis] - spread, Interior: stride - 1}
	}
	return padZeros(kept, pads)
}
