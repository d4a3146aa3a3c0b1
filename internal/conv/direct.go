package conv

import (
	"github.com/gomlx/compute"
	. "github.com/gomlx/gomlx/core/graph"
)

// direct is the backend's own convolution, called for each pass. GoMLX would find the gradients by
// itself, but its input gradient is wrong for even kernels and panics for wide paddings.
var direct = &lowering{
	name: "direct",
	can: func(place Place, _ Pass, p Problem) bool {
		return place != OnGo || p.Multiplications() <= mostForLoops
	},
	forward:        directForward,
	inputGradient:  directInputGradient,
	weightGradient: directWeightGradient,
}

// mostForLoops is the number of multiplications beyond which the pure-Go backend's own convolution,
// naive loops, is never the fastest.
const mostForLoops = 1e6

func directForward(x, w *Node, g Geometry) *Node {
	axes := compute.ConvolveAxesConfig{
		InputBatch: 0, InputSpatial: []int{1, 2}, InputChannels: 3,
		KernelSpatial: []int{0, 1}, KernelInputChannels: 2, KernelOutputChannels: 3,
		OutputBatch: 0, OutputSpatial: []int{1, 2}, OutputChannels: 3,
	}
	return ConvGeneral(x, w, axes, g.Stride[:], g.Padding[:], nil, nil, 1, 1)
}

// directInputGradient spreads dy out by the stride and convolves it with the kernel turned around.
func directInputGradient(dy, w *Node, g Geometry) *Node {
	axes := compute.ConvolveAxesConfig{
		InputBatch: 0, InputSpatial: []int{1, 2}, InputChannels: 3,
		KernelSpatial: []int{0, 1}, KernelInputChannels: 3, KernelOutputChannels: 2, // transposed
		OutputBatch: 0, OutputSpatial: []int{1, 2}, OutputChannels: 3,
	}
	var paddings [2][2]int
	surplus := make([]compute.PadAxis, 4) // a convolution takes no negative padding: cut off after it
	for axis, k := range g.Kernel {
		spread := (g.Out[axis]-1)*g.Stride[axis] + 1
		before := k - 1 - g.Padding[axis][0]
		after := g.In[axis] + k - 1 - spread - before
		paddings[axis] = [2]int{max(before, 0), max(after, 0)}
		surplus[axis+1] = compute.PadAxis{Start: min(before, 0), End: min(after, 0)}
	}
	dx := ConvGeneral(dy, Reverse(w, 0, 1), axes, []int{1, 1}, paddings[:], g.Stride[:], nil, 1, 1)
	return padZeros(dx, surplus)
}

// directWeightGradient convolves x with dy, both with batch and channels in each other's roles, dy
// spread out by the stride.
func directWeightGradient(x, dy *Node, g Geometry) *Node {
	axes := compute.ConvolveAxesConfig{
		InputBatch: 3, InputSpatial: []int{1, 2}, InputChannels: 0,
		KernelSpatial: []int{1, 2}, KernelInputChannels: 0, KernelOutputChannels: 3,
		OutputBatch: 2, OutputSpatial: []int{0, 1}, OutputChannels: 3,
	}
	var paddings [2][2]int
	unused := make([]compute.PadAxis, 4) // rows of x beyond the last window
	for axis, k := range g.Kernel {
		spread := (g.Out[axis]-1)*g.Stride[axis] + 1
		after := k - 1 + spread - g.In[axis] - g.Padding[axis][0]
		paddings[axis] = [2]int{g.Padding[axis][0], max(after, 0)}
		unused[axis+1] = compute.PadAxis{End: min(after, 0)}
	}
	return ConvGeneral(padZeros(x, unused), dy, axes, []int{1, 1}, paddings[:], nil, g.Stride[:], 1, 1)
}
