package kafisto

import (
	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/gomlx/core/graph"
)

// passes is what touches all parameters: the rest of the filter is a few
// numbers a layer. There are two, which do the same: graphPasses by GoMLX's
// operations, and nativePasses by kernels.
type passes interface {
	// predict is eq. 17 and, in the paper variant, eq. 24 for every layer of a
	// step, of which it changes x and average. It returns d2 = |x - x_avg|^2 over
	// all layers, a Float64 scalar, or nil when no layer has an average.
	predict(s *step) (d2 *graph.Node)
	// sums returns |g|^2, g.x and |x|^2 per layer, Float64 vectors. The last two
	// may be anything in layers without weight decay.
	sums(s *step, gradients []*graph.Node) (gg, gx, xx *graph.Node)
	// correct changes x, p and average of every layer.
	correct(s *step, gradients []*graph.Node, f factors)
}

// passesIn returns the passes for a step's graph.
func (o *Optimizer) passesIn(g *graph.Graph, s *step) passes {
	if o.hasKernels(g, s) {
		return nativePasses{o}
	}
	return graphPasses{o}
}

// graphPasses are the passes by operations of the graph.
type graphPasses struct{ *Optimizer }

func (o graphPasses) predict(s *step) (d2 *graph.Node) {
	for _, l := range s.layers {
		if l.average != nil {
			x := graph.ConvertDType(l.x, l.average.DType())
			if o.config.Variant == Paper {
				beta := graph.ConvertDType(o.averageSmoothing(s.count), l.average.DType())
				l.average = movingAverage(beta, l.average, x)
			}
			distance := normSquared(graph.Sub(x, l.average))
			if d2 == nil {
				d2 = distance
			} else {
				d2 = graph.Add(d2, distance)
			}
		}
		if l.p != nil {
			x := graph.Add(graph.ConvertDType(l.x, l.p.DType()), l.p)
			l.x = graph.ConvertDType(x, l.variable.DType())
		}
	}
	return d2
}

func (o graphPasses) sums(s *step, gradients []*graph.Node) (gg, gx, xx *graph.Node) {
	zero := graph.ScalarZero(gradients[0].Graph(), dtypes.Float64)
	var a, b, c []*graph.Node
	for i, l := range s.layers {
		a, b, c = append(a, normSquared(gradients[i])), append(b, zero), append(c, zero)
		if l.decay != 0 {
			b[i], c[i] = dot(gradients[i], l.x), normSquared(l.x)
		}
	}
	return graph.Stack(a, 0), graph.Stack(b, 0), graph.Stack(c, 0)
}

func (o graphPasses) correct(s *step, gradients []*graph.Node, f factors) {
	for i, l := range s.layers {
		dtype := stateDType(l.variable)
		as := func(n *graph.Node) *graph.Node { return graph.ConvertDType(n, dtype) }
		of := func(v *graph.Node) *graph.Node { return as(graph.Reshape(graph.Slice(v, graph.AxisElem(i)))) }
		direction := as(gradients[i])
		if l.p != nil && l.decay != 0 { // the published Vanilla code leaves decay out of the direction
			direction = graph.Add(direction, graph.MulScalar(as(l.x), l.decay))
		}
		x := graph.Sub(as(l.x), graph.Mul(of(f.kx), direction))
		if l.shrink != 0 {
			x = graph.Sub(x, graph.Mul(of(f.shrink), as(l.x)))
		}
		l.x = graph.ConvertDType(x, l.variable.DType())
		if l.p != nil {
			l.p = graph.Sub(graph.MulScalar(l.p, o.config.VelocityDecay), graph.Mul(of(f.kp), direction))
		}
		if l.average != nil && o.config.Variant == Published {
			l.average = movingAverage(of(f.smoothing), l.average, x)
		}
	}
}
