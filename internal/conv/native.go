package conv

import (
	. "github.com/gomlx/gomlx/core/graph"

	"github.com/kafisto/kafisto/native"
)

// byKernels are the kernels of package native, on the engine that has them.
var byKernels = &lowering{
	name: "native",
	can: func(place Place, _ Pass, p Problem) bool {
		return place == OnNative && nativeConv(p.Geometry, p.Batch, p.Inputs, p.Outputs).Supported(p.DType)
	},
	forward: func(x, w *Node, g Geometry) *Node {
		return nativeConv(g, x.Shape().Dimensions[0], w.Shape().Dimensions[2], w.Shape().Dimensions[3]).Forward(x, w)
	},
	inputGradient: func(dy, w *Node, g Geometry) *Node {
		return nativeConv(g, dy.Shape().Dimensions[0], w.Shape().Dimensions[2], w.Shape().Dimensions[3]).InputGradient(dy, w)
	},
	weightGradient: func(x, dy *Node, g Geometry) *Node {
		return nativeConv(g, x.Shape().Dimensions[0], x.Shape().Dimensions[3], dy.Shape().Dimensions[3]).WeightGradient(x, dy)
	},
}

func nativeConv(g Geometry, batch, in, out int) native.Conv {
	return native.Conv{Batch: batch, In: g.In, Out: g.Out, InChannels: in, Channels: out, Kernel: g.Kernel, Stride: g.Stride,
		Padding: [2]int{g.Padding[0][0], g.Padding[1][0]}}
}
