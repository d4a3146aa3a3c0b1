package optim

import (
	"fmt"

	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/ml/model"
	"github.com/gomlx/gomlx/support/exceptions"
)

// StepReport are nodes that tell about one step. A training step that is
// interested returns them as outputs.
type StepReport struct {
	// LearningRate is the smallest, median and largest learning rate over the
	// layers, Float64 [3]. The baselines use one rate for all layers, so the
	// three are equal; Adam's division by the root of the second moment is not
	// part of it.
	LearningRate *graph.Node

	// GradientNorm is the Euclidean norm of the loss's gradient over all
	// parameters, before clipping and weight decay, a Float64 scalar.
	GradientNorm *graph.Node
}

// Report returns the report of the step that UpdateGraph built in g. It is an
// error if there is none yet.
func (o *Optimizer) Report(g *graph.Graph) (StepReport, error) {
	report, found := model.GetGraphParam(g, o.reportPath())
	if !found {
		return StepReport{}, fmt.Errorf("optim: %s: no report: this graph has no step of it yet, call UpdateGraph first", o.settings.Algorithm)
	}
	return report.(StepReport), nil
}

// report keeps the step's report with the graph. A second step under the same
// name would overwrite it, and share state as well: it is refused.
func (o *Optimizer) report(g *graph.Graph, rate, norm *graph.Node) {
	if _, err := o.Report(g); err == nil {
		exceptions.Panicf("optim: %s: the graph has a step of scope %q already: give each optimizer its own name with Scope", o.settings.Algorithm, o.settings.Scope)
	}
	model.SetGraphParam(g, o.reportPath(), StepReport{
		LearningRate: graph.BroadcastToDims(rate, 3),
		GradientNorm: norm,
	})
}

// reportPath is a name in the root scope: looking one up in a sub-scope would
// go on in its parents.
func (o *Optimizer) reportPath() string { return "/optim#" + o.settings.Scope + "#report" }
