package kafisto

import (
	"slices"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/ml/model"
	"github.com/gomlx/gomlx/ml/train/optimizer"
	"github.com/gomlx/gomlx/support/exceptions"
)

// tinyGradient is the norm below which the published code skips a layer.
const tinyGradient = 1e-9

// UpdateGraph corrects the predicted variables and the covariance (eq. 13-14,
// 22-23, 26) by the scalar loss, which is the mean that Observe returned plus
// auxiliary losses if there are any. It implements GoMLX's
// optimizer.Interface and is called once in a training graph, after Predict
// and Observe.
func (o *Optimizer) UpdateGraph(scope *model.Scope, g *graph.Graph, loss *graph.Node) {
	s := o.stepOf(g)
	o.checkWiring(scope, g, s, loss)
	_ = optimizer.IncrementGlobalStep(g, dtypes.Int64)
	s.state.count.SetNodeValue(graph.AddScalar(s.count, 1))

	predicted := make([]*graph.Node, len(s.layers))
	for i, l := range s.layers {
		predicted[i] = l.x
	}
	gradients := graph.Gradient(loss, predicted...)
	for i, l := range s.layers {
		optimizer.TraceNaNInGradients(scope, l.variable, gradients[i])
	}
	L := graph.ConvertDType(loss, dtypes.Float64)
	R := o.measureNoise(g, s)
	passes := o.passesIn(g, s)
	m := o.measure(s, passes, gradients, L)
	S := innovationCovariance(s.P.sx, m.normSquared, R)
	S = graph.Where(m.skipped, graph.Infinity(g, dtypes.Float64, 1), S) // neither a gain nor a part in h
	h := graph.Div(m.normSquared, S)
	rate := o.config.rate.Node(s.count)
	kx, kp := s.P.gains(graph.Mul(rate, o.config.target.excess(m.loss, s.count)), S)
	passes.correct(s, gradients, o.factors(s, kx, kp, rate, m.skipped))
	for _, l := range s.layers {
		l.variable.SetNodeValue(l.x)
		if l.p != nil {
			s.state.velocity(l.variable).SetNodeValue(l.p)
		}
		if l.average != nil {
			s.state.average(l.variable).SetNodeValue(l.average)
		}
	}
	P := s.P.update(graph.ReduceAllMax(h)) // eq. 26
	s.state.set(P, R, s.qx)
	s.report = &Report{
		MeasurementNoise: R,
		StateNoise:       s.qx,
		Covariance:       []*graph.Node{P.sx},
		Innovation:       graph.Neg(o.config.target.excess(L, s.count)),
		GradientNorm:     graph.Sqrt(graph.ReduceAllSum(m.bare)),
		LearningRates:    kx,
	}
	if P.sc != nil {
		s.report.Covariance = append(s.report.Covariance, P.sc, P.sp)
	}
}

// checkWiring panics with a sentence when UpdateGraph was reached in a way
// that would train wrongly.
func (o *Optimizer) checkWiring(scope *model.Scope, g *graph.Graph, s *step, loss *graph.Node) {
	switch {
	case g.NumDevices() > 1:
		exceptions.Panicf("kafisto: training on %d devices at once is not supported yet: use one device", g.NumDevices())
	case s == nil:
		exceptions.Panicf("kafisto: UpdateGraph without Predict: wrap the model function with kafisto.Model(opt, modelFn), or call opt.Predict(scope, g) before the model is built, in a graph marked with scope.SetTraining(g, true)")
	case s.report != nil:
		exceptions.Panicf("kafisto: UpdateGraph was called twice in one graph: build one graph a step")
	case s.squares == nil && o.config.MeasurementNoise.Adaptive:
		exceptions.Panicf("kafisto: UpdateGraph without per-example losses, from which R is estimated (eq. 23): wrap the loss function with kafisto.Loss(opt, perExampleLoss), or call opt.Observe(losses, mask), or use ConstantMeasurementNoise")
	case !loss.IsScalar():
		exceptions.Panicf("kafisto: the loss has shape %s: reduce it to a scalar, such as Observe returns", loss.Shape())
	}
	for v := range scope.IterVariables() {
		if o.trains(v) && v.InUseByGraph(g) && !s.predicts(v) {
			exceptions.Panicf("kafisto: variable %q is used but was not predicted, because it was created after Predict or outside of the model function: create it in the function that kafisto.Model wraps, or before Predict", v.Path())
		}
	}
}

// measureNoise is eq. 23. An R of 0 has not been measured yet.
func (o *Optimizer) measureNoise(g *graph.Graph, s *step) *graph.Node {
	noise := o.config.MeasurementNoise
	if !noise.Adaptive {
		return graph.Const(g, noise.Value)
	}
	R := s.state.measurementNoise.NodeValue(g)
	next := movingAverage(graph.Const(g, noise.Smoothing), R, s.squares)
	if noise.Value == 0 {
		next = graph.Where(graph.Equal(R, graph.ZerosLike(R)), s.squares, next)
	}
	if s.measured != nil {
		next = graph.Where(s.measured, next, R)
	}
	return next
}

// measurement holds Float64 vectors with one element a measurement: a layer,
// or the whole network.
type measurement struct {
	bare        *graph.Node // |g|^2 without decay
	normSquared *graph.Node // |g|^2 with decay
	loss        *graph.Node // L with the layer's decay
	skipped     *graph.Node // Bool: a tiny gradient
}

// measure reads gradients and parameters once, for three sums: gradients with
// decay are not kept, which would cost more passes over memory.
func (o *Optimizer) measure(s *step, passes passes, gradients []*graph.Node, L *graph.Node) (m measurement) {
	g := L.Graph()
	gg, gx, xx := passes.sums(s, gradients)
	w := s.each(func(l *layer) float64 { return l.decay })
	m.bare, m.normSquared, m.loss = o.collect(gg), o.collect(gg), L
	if slices.Max(w) > 0 {
		decay := graph.Const(g, w)
		m.normSquared = o.collect(decayedNormSquared(gg, gx, xx, decay))
		m.loss = graph.Add(L, o.collect(graph.MulScalar(graph.Mul(decay, xx), 0.5)))
	}
	m.loss = graph.BroadcastToShape(m.loss, m.bare.Shape())
	m.skipped = graph.LessThan(graph.Sqrt(m.bare), graph.Scalar(g, dtypes.Float64, tinyGradient))
	return m
}

// each is one number of every layer.
func (s *step) each(of func(l *layer) float64) []float64 {
	numbers := make([]float64, len(s.layers))
	for i, l := range s.layers {
		numbers[i] = of(l)
	}
	return numbers
}

// collect makes a vector with an element a measurement of one with an element
// a layer.
func (o *Optimizer) collect(v *graph.Node) *graph.Node {
	if o.config.WholeNetwork {
		v = graph.Reshape(graph.ReduceAllSum(v), 1)
	}
	return v
}

// factors holds what changes the layers (eq. 13 and its counterpart for the
// velocities) along the direction d, the gradient with decay: Float64 vectors
// with one element a layer.
type factors struct {
	kx, kp    *graph.Node // x <- x - kx d, p <- alpha p - kp d; kp is nil in Vanilla
	shrink    *graph.Node // decoupled weight decay: x <- ... - shrink x
	smoothing *graph.Node // beta_x of eq. 24 in the published variant, 1 in skipped layers
}

// factors spreads what was found for each measurement over the layers.
func (o *Optimizer) factors(s *step, kx, kp, rate, skipped *graph.Node) factors {
	g, n := kx.Graph(), len(s.layers)
	perLayer := func(v *graph.Node) *graph.Node {
		if v == nil || v.Shape().Size() == n {
			return v
		}
		return graph.BroadcastToDims(v, n)
	}
	skipped = perLayer(skipped)
	shrink := graph.Mul(rate, graph.Const(g, s.each(func(l *layer) float64 { return l.shrink })))
	beta := graph.BroadcastToDims(graph.Const(g, o.config.AverageSmoothing), n)
	return factors{
		kx: perLayer(kx), kp: perLayer(kp),
		shrink:    graph.Where(skipped, graph.ZerosLike(shrink), shrink),
		smoothing: graph.Where(skipped, graph.OnesLike(beta), beta),
	}
}
