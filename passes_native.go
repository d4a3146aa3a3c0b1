package kafisto

import (
	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	"github.com/gomlx/gomlx/core/graph"

	"github.com/kafisto/kafisto/native"
)

// nativePasses are the passes by the kernels of package native, which go over
// memory about half as often.
type nativePasses struct{ *Optimizer }

// hasKernels tells whether nativePasses serve: on a backend with kernels, for
// Kalman Dynamics over Float32 layers.
func (o *Optimizer) hasKernels(g *graph.Graph, s *step) bool {
	for _, l := range s.layers {
		if l.variable.DType() != dtypes.Float32 {
			return false
		}
	}
	return native.Available(g.Backend()) && o.config.Algorithm == Dynamics && !o.config.withoutKernels
}

// filterOf is the step's layers for the kernels, which take one kind of node
// of all layers at a time.
func filterOf(s *step) (f native.Filter, x, p, averages []*graph.Node) {
	for _, l := range s.layers {
		f.Shapes = append(f.Shapes, shapes.Make(dtypes.Float32, l.variable.Shape().Dimensions...))
		x, p = append(x, l.x), append(p, l.p)
		if l.average != nil {
			averages = append(averages, l.average)
		}
	}
	return f, x, p, averages
}

func (o nativePasses) predict(s *step) (d2 *graph.Node) {
	f, x, p, averages := filterOf(s)
	var beta *graph.Node
	if averages != nil && o.config.Variant == Paper {
		beta = o.averageSmoothing(s.count)
	}
	distances, x, moved := f.Predict(beta, x, p, averages)
	for i, l := range s.layers {
		l.x = x[i]
		if beta != nil {
			l.average = moved[i]
		}
	}
	if averages == nil {
		return nil
	}
	return graph.ReduceAllSum(distances)
}

func (o nativePasses) sums(s *step, gradients []*graph.Node) (gg, gx, xx *graph.Node) {
	f, x, _, _ := filterOf(s)
	return f.Sums(gradients, x)
}

func (o nativePasses) correct(s *step, gradients []*graph.Node, f factors) {
	layers, x, p, averages := filterOf(s)
	if o.config.Variant == Paper {
		averages = nil // they moved in the prediction
	}
	x, p, averages = layers.Correct(native.Factors{
		Gain: f.kx, VelocityGain: f.kp, Smoothing: f.smoothing, Shrink: f.shrink,
		Decay: graph.Const(x[0].Graph(), s.each(func(l *layer) float64 { return l.decay })),
	}, o.config.VelocityDecay, gradients, x, p, averages)
	for i, l := range s.layers {
		l.x, l.p = x[i], p[i]
		if len(averages) > 0 {
			l.average = averages[i]
		}
	}
}
