package kafisto

import (
	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/ml/model"
	"github.com/gomlx/gomlx/ml/train/metric"
	"github.com/gomlx/gomlx/support/exceptions"
)

// Report holds what a step did, as Float64 nodes of its graph.
type Report struct {
	MeasurementNoise *graph.Node   // R used in the update
	StateNoise       *graph.Node   // qx used in the prediction
	Covariance       []*graph.Node // after the update: sigma_x^2, and in Dynamics sigma_c^2 and sigma_p^2
	Innovation       *graph.Node   // Lmin - L, without decay: the measurement minus its prediction
	GradientNorm     *graph.Node   // over all trained variables, without decay
	LearningRates    *graph.Node   // vector: what multiplied the gradient of each layer (one element with WholeNetwork); 0 in skipped layers
}

// EffectiveLearningRate returns the least, median and greatest element of
// LearningRates.
func (r *Report) EffectiveLearningRate() (least, middle, greatest *graph.Node) {
	return graph.ReduceAllMin(r.LearningRates), median(r.LearningRates), graph.ReduceAllMax(r.LearningRates)
}

// Report returns the report of a training graph. It panics before UpdateGraph.
func (o *Optimizer) Report(g *graph.Graph) *Report {
	s := o.stepOf(g)
	if s == nil || s.report == nil {
		exceptions.Panicf("kafisto: Report before UpdateGraph: ask for it after the update, in a training graph")
	}
	return s.report
}

// Metrics returns the filter's state as training metrics for GoMLX's trainer:
// R, the entries of P, qx, the innovation, the gradient norm, and the least,
// median and greatest effective learning rate over the layers. They hold the
// last step's values and need no state.
func (o *Optimizer) Metrics() []metric.Interface {
	type value struct {
		name, short string
		of          func(*Report) *graph.Node
	}
	values := []value{
		{"Measurement noise R", "R", func(r *Report) *graph.Node { return r.MeasurementNoise }},
		{"State noise qx", "qx", func(r *Report) *graph.Node { return r.StateNoise }},
		{"Parameter variance", "Px", func(r *Report) *graph.Node { return r.Covariance[0] }},
		{"Innovation", "inn", func(r *Report) *graph.Node { return r.Innovation }},
		{"Gradient norm", "|g|", func(r *Report) *graph.Node { return r.GradientNorm }},
		{"Least effective learning rate", "lr-", func(r *Report) *graph.Node { return graph.ReduceAllMin(r.LearningRates) }},
		{"Median effective learning rate", "lr", func(r *Report) *graph.Node { return median(r.LearningRates) }},
		{"Greatest effective learning rate", "lr+", func(r *Report) *graph.Node { return graph.ReduceAllMax(r.LearningRates) }},
	}
	if o.config.Algorithm == Dynamics {
		values = append(values,
			value{"Cross covariance", "Pc", func(r *Report) *graph.Node { return r.Covariance[1] }},
			value{"Velocity variance", "Pp", func(r *Report) *graph.Node { return r.Covariance[2] }})
	}
	metrics := make([]metric.Interface, len(values))
	for i, v := range values {
		build := func(_ *model.Scope, _, predictions []*graph.Node) *graph.Node {
			return v.of(o.Report(predictions[0].Graph()))
		}
		metrics[i] = metric.NewBaseMetric("KaFiStO: "+v.name, v.short, "kafisto "+v.short, build, nil)
	}
	return metrics
}

// median is the median of a vector's elements, the mean of the middle two when
// their number is even. It compares every pair, so the vector should be short.
func median(v *graph.Node) *graph.Node {
	g, n := v.Graph(), v.Shape().Size()
	square := shapes.Make(dtypes.Int32, n, n)
	row, column := graph.Iota(g, square, 0), graph.Iota(g, square, 1)
	mine := graph.BroadcastToDims(graph.Reshape(v, n, 1), n, n)
	other := graph.BroadcastToDims(graph.Reshape(v, 1, n), n, n)
	before := graph.LogicalOr(graph.LessThan(other, mine), graph.LogicalAnd(graph.Equal(other, mine), graph.LessThan(column, row)))
	rank := graph.ReduceSum(graph.ConvertDType(before, dtypes.Int32), 1)
	pick := func(r int) *graph.Node {
		chosen := graph.Equal(rank, graph.Scalar(g, dtypes.Int32, r))
		return graph.ReduceAllSum(graph.Where(chosen, v, graph.ZerosLike(v)))
	}
	return graph.MulScalar(graph.Add(pick((n-1)/2), pick(n/2)), 0.5)
}
