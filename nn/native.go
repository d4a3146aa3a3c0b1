package nn

import (
	. "github.com/gomlx/gomlx/core/graph"

	"github.com/kafisto/kafisto/internal/gradient"
	"github.com/kafisto/kafisto/native"
)

// nativeNormalize is normalize and what follows it by one kernel, with the batch's moments, from
// which nothing flows back.
func nativeNormalize(x, scale, offset, shortcut *Node, relu bool) (y, mean, variance *Node) {
	n := native.Norm{Epsilon: batchNormEpsilon, ReLU: relu}
	y, mean, variance = n.Forward(x, scale, offset, shortcut)
	gradient.OfCall([]*Node{y, mean, variance}, func(adjoints []*Node) []*Node {
		output := y
		if shortcut == nil {
			output = nil
		}
		return n.Backward(adjoints[0], x, mean, variance, scale, offset, output)
	})
	return y, mean, variance
}
