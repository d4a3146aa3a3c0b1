package conv

import (
	. "github.com/gomlx/gomlx/core/graph"

	"github.com/kafisto/kafisto/internal/gradient"
)

// Forward is the convolution of x [batch, in height, in width, in] with w [kernel height, kernel
// width, in, out]: [batch, out height, out width, out].
func Forward(x, w *Node, g Geometry) *Node { return chosen.forward(x, w, g) }

// InputGradient is the gradient of Forward for its input, from the adjoint dy of its output. It is
// also a transposed convolution of dy.
func InputGradient(dy, w *Node, g Geometry) *Node { return chosen.inputGradient(dy, w, g) }

// WeightGradient is the gradient of Forward for its kernel, from the adjoint dy of its output.
func WeightGradient(x, dy *Node, g Geometry) *Node { return chosen.weightGradient(x, dy, g) }

// chosen are the passes by the lowerings that choose picks.
var chosen = passes{choose}

// passes are the three passes, each by the lowering that pick gives, each with the other two as its
// gradients.
type passes struct {
	pick func(place Place, pass Pass, p Problem) *lowering
}

func (s passes) forward(x, w *Node, g Geometry) *Node {
	return gradient.With(s.plainForward(x, w, g), []*Node{x, w}, func(adjoint *Node) []*Node {
		return []*Node{s.inputGradient(adjoint, w, g), s.weightGradient(x, adjoint, g)}
	})
}

func (s passes) inputGradient(dy, w *Node, g Geometry) *Node {
	return gradient.With(s.plainInputGradient(dy, w, g), []*Node{dy, w}, func(adjoint *Node) []*Node {
		return []*Node{s.forward(adjoint, w, g), s.weightGradient(adjoint, dy, g)}
	})
}

func (s passes) weightGradient(x, dy *Node, g Geometry) *Node {
	return gradient.With(s.plainWeightGradient(x, dy, g), []*Node{x, dy}, func(adjoint *Node) []*Node {
		return []*Node{s.inputGradient(dy, adjoint, g), s.forward(x, adjoint, g)}
	})
}

// The plain passes are not differentiable.

func (s passes) plainForward(x, w *Node, g Geometry) *Node {
	p := newProblem(g, x.Shape(), w.Shape().Dimensions[2], w.Shape().Dimensions[3])
	return s.pick(placeOf(x), ForwardPass, p).forward(x, w, g)
}

func (s passes) plainInputGradient(dy, w *Node, g Geometry) *Node {
	p := newProblem(g, dy.Shape(), w.Shape().Dimensions[2], w.Shape().Dimensions[3])
	return s.pick(placeOf(dy), InputGradientPass, p).inputGradient(dy, w, g)
}

func (s passes) plainWeightGradient(x, dy *Node, g Geometry) *Node {
	p := newProblem(g, x.Shape(), x.Shape().Dimensions[3], dy.Shape().Dimensions[3])
	return s.pick(placeOf(x), WeightGradientPass, p).weightGradient(x, dy, g)
}
