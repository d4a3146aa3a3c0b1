package conv

import (
	. "github.com/gomlx/gomlx/core/graph"

	"github.com/kafisto/kafisto/native"
)

// The kernels of package native, on the engine that has them.
var (
	nativeDirect   = kernels("native direct", false)
	nativeWinograd = kernels("native winograd", true)
)

// kernels is the lowering by one of the two ways that the kernels have.
func kernels(name string, winograd bool) *lowering {
	of := func(g Geometry, batch, in, out int) native.Conv {
		return native.Conv{Batch: batch, In: g.In, Out: g.Out, InChannels: in, Channels: out, Kernel: g.Kernel, Stride: g.Stride,
			Padding: [2]int{g.Padding[0][0], g.Padding[1][0]}, Winograd: winograd}
	}
	dim := func(x *Node, axis int) int { return x.Shape().Dimensions[axis] }
	return &lowering{
		name: name,
		can: func(place Place, _ Pass, p Problem) bool {
			return place == OnNative && of(p.Geometry, p.Batch, p.Inputs, p.Outputs).Supported(p.DType)
		},
		forward: func(x, w *Node, g Geometry) *Node {
			return of(g, dim(x, 0), dim(w, 2), dim(w, 3)).Forward(x, w)
		},
		inputGradient: func(dy, w *Node, g Geometry) *Node {
			return of(g, dim(dy, 0), dim(w, 2), dim(w, 3)).InputGradient(dy, w)
		},
		weightGradient: func(x, dy *Node, g Geometry) *Node {
			return of(g, dim(x, 0), dim(x, 3), dim(dy, 3)).WeightGradient(x, dy)
		},
	}
}
