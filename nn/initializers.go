package nn

import (
	"math"

	"github.com/gomlx/compute/shapes"
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/ml/model"
	"github.com/gomlx/gomlx/support/exceptions"
)

// All draws come from the random state of the scope's store, so the same seed
// (model.Store.SetRNGStateFromSeed) gives the same starting values, bit for bit.

// FanInUniform is PyTorch's default for linear and convolutional layers, weights and biases alike:
// uniform between -1/sqrt(fanIn) and 1/sqrt(fanIn), where fanIn is the number of inputs that each
// output sees, at least 1.
func FanInUniform(scope *model.Scope, fanIn int) model.VariableInitializer {
	if fanIn < 1 {
		exceptions.Panicf("nn: initialiser in %s: number of inputs is %d, it must be at least 1", scope.Scope(), fanIn)
	}
	bound := 1 / math.Sqrt(float64(fanIn))
	return func(g *Graph, shape shapes.Shape) *Node {
		unit := scope.RandomUniform(g, shape)
		return AddScalar(MulScalar(unit, 2*bound), -bound)
	}
}

// KaimingNormal draws a convolution's weights, [kernel height, kernel width, in, out], from a normal
// distribution with mean 0 and variance 2 / (kernel height * kernel width * out), as torchvision's
// residual networks do (fan-out, gain of the rectifier).
//
// Reference: He et al., "Delving Deep into Rectifiers", 2015.
func KaimingNormal(scope *model.Scope) model.VariableInitializer {
	return func(g *Graph, shape shapes.Shape) *Node {
		if shape.Rank() != 4 {
			exceptions.Panicf("nn: initialiser in %s: weights must be [height, width, in, out], they are %s",
				scope.Scope(), shape)
		}
		fanOut := shape.Dimensions[0] * shape.Dimensions[1] * shape.Dimensions[3]
		return MulScalar(scope.RandomNormal(g, shape), math.Sqrt(2/float64(fanOut)))
	}
}
