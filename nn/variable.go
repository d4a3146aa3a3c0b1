package nn

import (
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/ml/model"
)

// value is the variable's value in the graph, read anew every time that the graph runs.
//
// Outside of training, GoMLX builds the value that the variable has while the graph is built into
// graphs of the pure-Go backend as a constant: a validation graph that is built once would go on
// testing the parameters of its first run. Graphs for training are spared, so value calls the graph
// one while the variable enters it.
func value(variable *model.Variable, g *Graph) *Node {
	store := model.GetStore(g)
	if store == nil || store.IsTraining(g) {
		return variable.NodeValue(g)
	}
	store.SetTraining(g, true)
	defer store.SetTraining(g, false)
	return variable.NodeValue(g)
}
