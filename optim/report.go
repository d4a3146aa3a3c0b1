package optim

import (
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/ml/model"
	"github.com/gomlx/gomlx/ml/train/metric"
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

// Report returns the report of the step that UpdateGraph built in g. Like all
// graph building it panics on errors: here, when there is no such step yet.
func (o *Optimizer) Report(g *graph.Graph) StepReport {
	report, found := model.GetGraphParam(g, o.reportPath())
	if !found {
		exceptions.Panicf("optim: %s: Report before UpdateGraph: ask for it after the update, in a training graph", o.settings.Algorithm)
	}
	return report.(StepReport)
}

// report keeps the step's report with the graph. A second step under the same
// name would overwrite it, and share state as well: it is refused.
func (o *Optimizer) report(g *graph.Graph, rate, norm *graph.Node) {
	if _, found := model.GetGraphParam(g, o.reportPath()); found {
		exceptions.Panicf("optim: %s: the graph has a step of scope %q already: give each optimizer its own name with Scope", o.settings.Algorithm, o.settings.Scope)
	}
	model.SetGraphParam(g, o.reportPath(), StepReport{
		LearningRate: graph.BroadcastToDims(rate, 3),
		GradientNorm: norm,
	})
}

// Metrics returns the learning rate and the gradient norm of the last step as
// training metrics for GoMLX's trainer.
func (o *Optimizer) Metrics() []metric.Interface {
	build := func(name, short string, of func(StepReport) *graph.Node) metric.Interface {
		return metric.NewBaseMetric(o.settings.Algorithm+": "+name, short, "optim "+short,
			func(_ *model.Scope, _, predictions []*graph.Node) *graph.Node {
				return of(o.Report(predictions[0].Graph()))
			}, nil)
	}
	return []metric.Interface{
		build("Learning rate", "lr", func(r StepReport) *graph.Node { return graph.ReduceAllMax(r.LearningRate) }),
		build("Gradient norm", "|g|", func(r StepReport) *graph.Node { return r.GradientNorm }),
	}
}

// reportPath is a name in the root scope: looking one up in a sub-scope would
// go on in its parents.
func (o *Optimizer) reportPath() string { return "/optim#" + o.settings.Scope + "#report" }
