package nn

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"

	"github.com/gomlx/compute/shapes"
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/ml/model"
	"github.com/gomlx/gomlx/support/exceptions"
)

// Initializer draws the starting values of weights: of convolutions, [kernel height, kernel width,
// in, out], and of linear layers, [in, out].
//
// All draws come from the random state of the scope's store, so the same seed
// (model.Store.SetRNGStateFromSeed) gives the same starting values, bit for bit.
type Initializer func(scope *model.Scope) model.VariableInitializer

// initializers are the initialisers by name.
var initializers = map[string]Initializer{
	"kaiming-normal":  KaimingNormal,
	"kaiming-uniform": KaimingUniform,
	"orthogonal":      Orthogonal,
	"xavier-normal":   XavierNormal,
	"xavier-uniform":  XavierUniform,
}

// InitializerNames are the names that InitializerByName knows, in alphabetical order.
func InitializerNames() []string { return slices.Sorted(maps.Keys(initializers)) }

// InitializerByName gives the initialiser of that name. An unknown name is an error.
func InitializerByName(name string) (Initializer, error) {
	initializer, ok := initializers[name]
	if !ok {
		return nil, fmt.Errorf("nn: no initialiser is called %q, choose one of: %s", name, strings.Join(InitializerNames(), ", "))
	}
	return initializer, nil
}

// FanInUniform is PyTorch's default for linear and convolutional layers, weights and biases alike:
// uniform between -1/sqrt(fanIn) and 1/sqrt(fanIn), where fanIn is the number of inputs that each
// output sees, at least 1.
func FanInUniform(scope *model.Scope, fanIn int) model.VariableInitializer {
	if fanIn < 1 {
		exceptions.Panicf("nn: initialiser in %s: number of inputs is %d, it must be at least 1", scope.Scope(), fanIn)
	}
	bound := 1 / math.Sqrt(float64(fanIn))
	return UniformIn(scope, bound)
}

// UniformIn draws numbers of any shape between -bound and bound, uniformly. The bound must be a
// finite number, at least 0.
func UniformIn(scope *model.Scope, bound float64) model.VariableInitializer {
	if !(bound >= 0 && bound <= math.MaxFloat64) {
		exceptions.Panicf("nn: initialiser in %s: the bound is %g, it must be a finite number, at least 0", scope.Scope(), bound)
	}
	return func(g *Graph, shape shapes.Shape) *Node { return uniform(scope, g, shape, bound) }
}

// XavierNormal draws weights from a normal distribution with mean 0 and variance 2 / (fan-in +
// fan-out), as PyTorch's xavier_normal_ does with gain 1.
//
// Reference: Glorot and Bengio, "Understanding the difficulty of training deep feedforward neural
// networks", 2010.
func XavierNormal(scope *model.Scope) model.VariableInitializer {
	return func(g *Graph, shape shapes.Shape) *Node {
		fanIn, fanOut := fans(scope, shape)
		return MulScalar(scope.RandomNormal(g, shape), math.Sqrt(2/(fanIn+fanOut)))
	}
}

// XavierUniform draws weights from a uniform distribution with the mean and variance of
// [XavierNormal], as PyTorch's xavier_uniform_ does with gain 1.
func XavierUniform(scope *model.Scope) model.VariableInitializer {
	return func(g *Graph, shape shapes.Shape) *Node {
		fanIn, fanOut := fans(scope, shape)
		return uniform(scope, g, shape, math.Sqrt(6/(fanIn+fanOut)))
	}
}

// KaimingNormal draws weights from a normal distribution with mean 0 and variance 2 / fan-out, as
// torchvision's residual networks do: the fan-out of a convolution is kernel height * kernel width *
// out, the gain is that of the rectifier.
//
// Reference: He et al., "Delving Deep into Rectifiers", 2015.
func KaimingNormal(scope *model.Scope) model.VariableInitializer {
	return func(g *Graph, shape shapes.Shape) *Node {
		_, fanOut := fans(scope, shape)
		return MulScalar(scope.RandomNormal(g, shape), math.Sqrt(2/fanOut))
	}
}

// KaimingUniform draws weights from a uniform distribution with mean 0 and variance 2 / fan-in, as
// PyTorch's kaiming_uniform_ does by default: the fan-in of a convolution is kernel height * kernel
// width * in, the gain is that of the rectifier.
//
// Reference: He et al., "Delving Deep into Rectifiers", 2015.
func KaimingUniform(scope *model.Scope) model.VariableInitializer {
	return func(g *Graph, shape shapes.Shape) *Node {
		fanIn, _ := fans(scope, shape)
		return uniform(scope, g, shape, math.Sqrt(6/fanIn))
	}
}

// uniform draws numbers between -bound and bound.
func uniform(scope *model.Scope, g *Graph, shape shapes.Shape, bound float64) *Node {
	return AddScalar(MulScalar(scope.RandomUniform(g, shape), 2*bound), -bound)
}

// fans counts the inputs that each output sees and the outputs that see each input, as PyTorch does:
// a convolution's stride is left out. It panics unless the shape is that of weights.
func fans(scope *model.Scope, shape shapes.Shape) (in, out float64) {
	if shape.Rank() != 2 && shape.Rank() != 4 || shape.Size() == 0 {
		exceptions.Panicf("nn: initialiser in %s: weights must be [height, width, in, out] or [in, out], they are %s",
			scope.Scope(), shape)
	}
	last := shape.Rank() - 1
	in, out = float64(shape.Dimensions[last-1]), float64(shape.Dimensions[last])
	window := float64(shape.Size()) / (in * out)
	return window * in, window * out
}
