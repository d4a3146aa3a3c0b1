package conv

import (
	"github.com/gomlx/compute"
	. "github.com/gomlx/gomlx/core/graph"
)

// phases is for strides: it splits the input into as many phases as the stride is long, makes them
// channels, and leaves a convolution with stride 1 and a smaller kernel to another lowering. (The
// kernel is filled up with zeros to whole strides: 3x3 with stride 2 becomes 2x2 with four times the
// channels.)
var phases = &lowering{
	name: "phases",
	can:  func(_ Place, _ Pass, p Problem) bool { return p.Stride != [2]int{1, 1} },
	forward: func(x, w *Node, g Geometry) *Node {
		return chosen.plainForward(phasedInput(x, g), phasedKernel(w, g), g.inner())
	},
	inputGradient: func(dy, w *Node, g Geometry) *Node {
		return unphasedInput(chosen.plainInputGradient(dy, phasedKernel(w, g), g.inner()), g)
	},
	weightGradient: func(x, dy *Node, g Geometry) *Node {
		return unphasedKernel(chosen.plainWeightGradient(phasedInput(x, g), dy, g.inner()), g)
	},
}

// inner is the geometry of the convolution with stride 1 that remains.
func (g Geometry) inner() Geometry {
	inner := Geometry{Stride: [2]int{1, 1}, Out: g.Out}
	for axis, stride := range g.Stride {
		inner.In[axis] = g.rows(axis)
		inner.Kernel[axis] = (g.Kernel[axis] + stride - 1) / stride
		if stride == 1 {
			inner.Padding[axis] = g.Padding[axis] // strided axes are padded when they are split
		}
	}
	return inner
}

// phasedInput is x as [batch, rows, columns, phases * channels].
func phasedInput(x *Node, g Geometry) *Node {
	batch, channels := x.Shape().Dimensions[0], x.Shape().Dimensions[3]
	split := Reshape(padZeros(x, g.alignment()), batch, g.rows(0), g.Stride[0], g.rows(1), g.Stride[1], channels)
	return Reshape(TransposeAllAxes(split, 0, 1, 3, 2, 4, 5), batch, g.rows(0), g.rows(1), -1)
}

// unphasedInput undoes phasedInput.
func unphasedInput(x *Node, g Geometry) *Node {
	batch := x.Shape().Dimensions[0]
	split := Reshape(x, batch, g.rows(0), g.rows(1), g.Stride[0], g.Stride[1], -1)
	aligned := Reshape(TransposeAllAxes(split, 0, 1, 3, 2, 4, 5), batch, g.rows(0)*g.Stride[0], g.rows(1)*g.Stride[1], -1)
	return padZeros(aligned, negated(g.alignment()))
}

// kernelPadding fills the kernel up to whole strides.
func (g Geometry) kernelPadding() []compute.PadAxis {
	pads := make([]compute.PadAxis, 4)
	for axis, k := range g.inner().Kernel {
		pads[axis] = compute.PadAxis{End: k*g.Stride[axis] - g.Kernel[axis]}
	}
	return pads
}

// phasedKernel is w as [rows, columns, phases * in, out], in the order of phasedInput's channels.
func phasedKernel(w *Node, g Geometry) *Node {
	in, out, k := w.Shape().Dimensions[2], w.Shape().Dimensions[3], g.inner().Kernel
	split := Reshape(padZeros(w, g.kernelPadding()), k[0], g.Stride[0], k[1], g.Stride[1], in, out)
	return Reshape(TransposeAllAxes(split, 0, 2, 1, 3, 4, 5), k[0], k[1], -1, out)
}

// unphasedKernel undoes phasedKernel.
func unphasedKernel(w *Node, g Geometry) *Node {
	out, k := w.Shape().Dimensions[3], g.inner().Kernel
	split := Reshape(w, k[0], k[1], g.Stride[0], g.Stride[1], -1, out)
	whole := Reshape(TransposeAllAxes(split, 0, 2, 1, 3, 4, 5), k[0]*g.Stride[0], k[1]*g.Stride[1], -1, out)
	return padZeros(whole, negated(g.kernelPadding()))
}
