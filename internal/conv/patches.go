package conv

import (
	"github.com/gomlx/compute"
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
)

// patches lays out every window of the input as a row: each pass is one matrix product of these rows.
// It costs kernel-size times the input in memory and is right for every problem.
var patches = &lowering{
	name: "patches",
	can:  func(Place, Pass, Problem) bool { return true },
	forward: func(x, w *Node, g Geometry) *Node {
		return pixelProduct(windows(x, g), Reshape(w, -1, w.Shape().Dimensions[3]))
	},
	inputGradient:  patchesInputGradient,
	weightGradient: patchesWeightGradient,
}

// patchesInputGradient is, for stride 1, the convolution of dy with the kernel turned around. Else it
// adds up the rows' gradients where the rows came from.
func patchesInputGradient(dy, w *Node, g Geometry) *Node {
	batch, in, out := dy.Shape().Dimensions[0], w.Shape().Dimensions[2], w.Shape().Dimensions[3]
	if turned, ok := g.turned(); ok {
		return pixelProduct(windows(dy, turned), Reshape(turnedKernel(w), -1, in))
	}
	rows := DotGeneral(dy, []int{3}, nil, Reshape(w, -1, out), []int{1}, nil)
	return fold(rows, g, batch, in)
}

func patchesWeightGradient(x, dy *Node, g Geometry) *Node {
	in, out := x.Shape().Dimensions[3], dy.Shape().Dimensions[3]
	dw := tallProduct(windows(x, g), dy)
	return Reshape(dw, g.Kernel[0], g.Kernel[1], in, out)
}

// turned is the geometry of the convolution that is the input gradient of one with stride 1: that of
// the adjoint with the turned kernel. Not ok: another stride, or a padding wider than the kernel.
func (g Geometry) turned() (turned Geometry, ok bool) {
	turned = Geometry{Kernel: g.Kernel, Stride: g.Stride, In: g.Out, Out: g.In}
	for axis, k := range g.Kernel {
		turned.Padding[axis] = [2]int{k - 1 - g.Padding[axis][0], k - 1 - g.Padding[axis][1]}
		if g.Stride[axis] != 1 || min(turned.Padding[axis][0], turned.Padding[axis][1]) < 0 {
			return turned, false
		}
	}
	return turned, true
}

// turnedKernel is w [height, width, in, out] with its pixels in reverse, as [height, width, out, in].
func turnedKernel(w *Node) *Node { return Transpose(Reverse(w, 0, 1), 2, 3) }

// windows lays out the windows of x as Unfold does, [batch, out height, out width, kernel height *
// kernel width * channels], and is not differentiable.
//
// The pure-Go backend gathers them in one pass over memory: each row of a window is one run of
// numbers. XLA turns Unfold into something better than its gather.
func windows(x *Node, g Geometry) *Node {
	batch, channels := x.Shape().Dimensions[0], x.Shape().Dimensions[3]
	if placeOf(x) != OnGo {
		return Reshape(Unfold(x, g), batch, g.Out[0], g.Out[1], -1)
	}
	pads := make([]compute.PadAxis, 4)
	size := [2]int{}
	for axis, pad := range g.Padding {
		pads[axis+1] = compute.PadAxis{Start: pad[0], End: pad[1]}
		size[axis] = g.In[axis] + pad[0] + pad[1]
	}
	flat := Reshape(padZeros(x, pads), batch*size[0], size[1]*channels)
	starts := make([]int32, 0, 2*batch*g.Out[0]*g.Out[1]*g.Kernel[0])
	for n := range batch {
		for row := range g.Out[0] {
			for column := range g.Out[1] {
				for i := range g.Kernel[0] {
					starts = append(starts,
						int32(n*size[0]+row*g.Stride[0]+i), int32(column*g.Stride[1]*channels))
				}
			}
		}
	}
	indices := ConstTensor(x.Graph(), tensors.FromFlatDataAndDimensions(starts, len(starts)/2, 2))
	runs := GatherSlices(flat, []int{0, 1}, indices, []int{1, g.Kernel[1] * channels}, false)
	return Reshape(runs, batch, g.Out[0], g.Out[1], -1)
}
