package nn

import (
	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/ml/model"
	"github.com/gomlx/gomlx/support/exceptions"
)

// Dropout sets each number of x to zero with probability rate, at least 0 and below 1, and divides
// the others by 1 - rate, so that their mean stays. In a graph that is not for training
// (model.Store.SetTraining), or with rate 0, it is x itself.
//
// The random numbers come from the state of the scope's store, which moves on: a run that goes on
// from a saved state sees the same masks, bit for bit. Which numbers drop depends neither on x nor
// on its number type.
//
// Reference: Srivastava et al., "Dropout: A Simple Way to Prevent Neural Networks from Overfitting",
// 2014.
func Dropout(scope *model.Scope, x *Node, rate float64) *Node {
	if !(rate >= 0 && rate < 1) {
		exceptions.Panicf("nn: dropout %s: the rate is %g, it must be at least 0 and below 1", scope.Scope(), rate)
	}
	if rate == 0 || !scope.IsTraining(x.Graph()) {
		return x
	}
	uniform := scope.RandomUniform(x.Graph(), shapes.Make(dtypes.Float32, x.Shape().Dimensions...))
	kept := GreaterOrEqual(uniform, Scalar(x.Graph(), dtypes.Float32, rate))
	return Where(kept, DivScalar(x, 1-rate), ZerosLike(x))
}
