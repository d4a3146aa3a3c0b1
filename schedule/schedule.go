// Package schedule gives settings that change from step to step (learning
// rates, filter targets): as a number in plain Go and as a node of a GoMLX
// graph, so that a schedule lives inside the compiled step, is resumed with
// the step counter, and can be tested without a backend.
package schedule

import "github.com/gomlx/gomlx/core/graph"

// Schedule is a value for every training step. Steps count from 0, the first
// step. Implementations are immutable.
type Schedule interface {
	// At returns the value used in the given step.
	At(step int64) float64

	// Node builds the same value in a graph: step is a scalar Int64 node, the
	// result a scalar Float64 node.
	Node(step *graph.Node) *graph.Node
}
