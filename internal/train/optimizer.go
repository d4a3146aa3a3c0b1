package train

import (
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/ml/train/optimizer"

	"github.com/kafisto/kafisto"
	"github.com/kafisto/kafisto/internal/runlog"
	"github.com/kafisto/kafisto/optim"
)

// Optimizer is an optimizer with its name, its effective settings and what it
// reports of a step.
type Optimizer struct {
	optimizer.Interface
	// Name for logs and reports.
	Name string
	// Settings are the effective settings, a struct with JSON tags.
	Settings any
	// Critic is the optimizer of the critic of Rivals, and this one then their
	// generator's; nil for one network.
	Critic *Optimizer
	// report builds what a step's record needs, Float64 scalars: the least,
	// median and greatest effective learning rate, the gradient norm, and for
	// KaFiStO R, qx, the innovation and the entries of P.
	report func(g *graph.Graph) []*graph.Node
}

// The number of values that every report has, and that KaFiStO's has before P.
const (
	commonValues = 4
	filterValues = 3
)

// KaFiStO makes a run's optimizer of a KaFiStO optimizer.
func KaFiStO(name string, o *kafisto.Optimizer) Optimizer {
	return Optimizer{Interface: o, Name: name, Settings: o.Settings(), report: func(g *graph.Graph) []*graph.Node {
		r := o.Report(g)
		least, median, greatest := r.EffectiveLearningRate()
		values := []*graph.Node{least, median, greatest, r.GradientNorm, r.MeasurementNoise, r.StateNoise, r.Innovation}
		return append(values, r.Covariance...)
	}}
}

// Baseline makes a run's optimizer of SGD, Adam or AdamW.
func Baseline(name string, o *optim.Optimizer) Optimizer {
	return Optimizer{Interface: o, Name: name, Settings: o.Settings(), report: func(g *graph.Graph) []*graph.Node {
		r := o.Report(g)
		rate := func(i int) *graph.Node { return graph.Reshape(graph.Slice(r.LearningRate, graph.AxisElem(i))) }
		return []*graph.Node{rate(0), rate(1), rate(2), r.GradientNorm}
	}}
}

// record makes a step's record of the loss and a report's values.
func record(loss float64, values []float64) runlog.Step {
	return runlog.Step{
		Type: runlog.TypeStep, Loss: loss,
		LearningRate: [3]float64(values[:3]), GradientNorm: values[3], Filter: filterOf(values),
	}
}

// filterOf is the filter's part of a report's values, nil where it has none.
func filterOf(values []float64) *runlog.Filter {
	rest := values[commonValues:]
	if len(rest) <= filterValues {
		return nil
	}
	return &runlog.Filter{R: rest[0], Qx: rest[1], Innovation: rest[2], P: rest[filterValues:]}
}
