package nn

import (
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/ml/layers"
	"github.com/gomlx/gomlx/ml/model"
)

// Dropout is x in graphs that are not built for training, or if rate is 0. Otherwise it sets each
// number of x to zero with probability rate, and divides the others by 1-rate.
func Dropout(scope *model.Scope, x *Node, rate float64) *Node {
	return layers.DropoutStatic(scope, x, rate)
}
