package nn

import (
	. "github.com/gomlx/gomlx/core/graph"

	"github.com/kafisto/kafisto/native"
)

// nativeConv is the geometry for the kernels of package native.
func nativeConv(batch, in, out int, g geometry) native.Conv {
	return native.Conv{Batch: batch, In: g.in, Out: g.out, InChannels: in, Channels: out, Kernel: g.kernel, Stride: g.stride,
		Padding: [2]int{g.padding[0][0], g.padding[1][0]}}
}

func nativeForward(c native.Conv, x, w *Node) *Node {
	y := c.Forward(x, w)
	setGradient([]*Node{y}, func(a []*Node) []*Node {
		return []*Node{nativeInputGradient(c, a[0], w), nativeWeightGradient(c, x, a[0])}
	})
	return y
}

func nativeInputGradient(c native.Conv, dy, w *Node) *Node {
	dx := c.InputGradient(dy, w)
	setGradient([]*Node{dx}, func(a []*Node) []*Node {
		return []*Node{nativeForward(c, a[0], w), nativeWeightGradient(c, a[0], dy)}
	})
	return dx
}

func nativeWeightGradient(c native.Conv, x, dy *Node) *Node {
	dw := c.WeightGradient(x, dy)
	setGradient([]*Node{dw}, func(a []*Node) []*Node {
		return []*Node{nativeInputGradient(c, dy, a[0]), nativeForward(c, x, a[0])}
	})
	return dw
}

// nativeNormalize is normalize and what follows it by one kernel, with the batch's moments.
func nativeNormalize(x, scale, offset, shortcut *Node, relu bool) (y, mean, variance *Node) {
	n := native.Norm{Epsilon: batchNormEpsilon, ReLU: relu}
	y, mean, variance = n.Forward(x, scale, offset, shortcut)
	setGradient([]*Node{y, mean, variance}, func(adjoints []*Node) []*Node {
		output := y
		if shortcut == nil {
			output = nil
		}
		return n.Backward(adjoints[0], x, mean, variance, scale, offset, output)
	})
	return y, mean, variance
}
