package kafisto

import (
	"fmt"
	"slices"
	"strings"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/ml/model"
	"github.com/gomlx/gomlx/ml/train/optimizer"
	"github.com/gomlx/gomlx/support/exceptions"
)

// Optimizer is KaFiStO as a GoMLX optimizer. Make it with New. It holds
// settings only: everything that changes during training is in non-trainable
// variables of the model's store, below the optimizer's scope, so that
// checkpoints carry it. It may serve several graphs and stores at once.
//
// Its graph-building methods panic when they are used wrongly, as all graph
// building in GoMLX does; the message says what to do.
type Optimizer struct{ config config }

var _ optimizer.Interface = (*Optimizer)(nil)

// Settings returns the effective settings.
func (o *Optimizer) Settings() Settings { return o.config.Settings }

// step is what one training graph knows between Predict, Observe and
// UpdateGraph. It is kept with the graph.
type step struct {
	state    *state
	count    *graph.Node // Int64: updates done before this step
	P        covariance  // predicted
	qx       *graph.Node
	layers   []*layer
	squares  *graph.Node // Float64: mean squared per-example loss; nil before Observe
	measured *graph.Node // Bool: some example is not masked; nil means always
	report   *Report     // nil before UpdateGraph
	observed bool
}

// predicts tells whether a variable is among the step's layers.
func (s *step) predicts(v *model.Variable) bool {
	return slices.ContainsFunc(s.layers, func(l *layer) bool { return l.variable == v })
}

// layer is one trained variable in one training graph.
type layer struct {
	variable *model.Variable
	x        *graph.Node // predicted parameters
	p        *graph.Node // velocities before the prediction; nil in Vanilla
	average  *graph.Node // x_avg, before the step (published) or with x_{k-1} in it (paper); nil when qx is constant
	decay    float64     // weight decay coefficient of this layer
	shrink   float64     // decoupled weight decay coefficient of this layer
}

func (o *Optimizer) stepKey() string { return "/" + o.config.Settings.Scope + "/step" }

// stepOf returns the graph's step, or nil before Predict.
func (o *Optimizer) stepOf(g *graph.Graph) *step {
	s, _ := model.GetGraphParam(g, o.stepKey())
	current, _ := s.(*step)
	return current
}

// Predict moves the covariance and the trainable variables below scope to
// their predicted values (eq. 11-12, or 17-20): from here on, the graph sees
// the variables' predictions. Call it in a training graph before the model is
// built; kafisto.Model does it for you, and knows which variables a model uses
// before it is built the first time. Here, variables that do not exist yet
// are unknown, and those that the graph does not use keep moving by their
// velocities: use scope or Builder.Only to leave them out. Every graph with a
// Predict needs an UpdateGraph: without it each run would move the variables
// on.
func (o *Optimizer) Predict(scope *model.Scope, g *graph.Graph) {
	var variables []*model.Variable
	for v := range scope.IterVariables() {
		if o.trains(v) {
			variables = append(variables, v)
		}
	}
	o.predict(scope, g, variables)
}

// trains tells whether a variable is for this optimizer. GoMLX restores some
// checkpoints with every variable trainable: what is not floating point (the
// random state) and the optimizer's own state are never trained.
func (o *Optimizer) trains(v *model.Variable) bool {
	own := strings.HasPrefix(v.Path(), "/"+o.config.Settings.Scope+"/")
	return v.Trainable && !own && v.DType().IsFloat() && (o.config.only == nil || o.config.only(v))
}

func (o *Optimizer) predict(scope *model.Scope, g *graph.Graph, variables []*model.Variable) {
	switch {
	case g.NumDevices() > 1:
		exceptions.Panicf("kafisto: training on %d devices at once is not supported yet: use one device", g.NumDevices())
	case !scope.IsTraining(g):
		exceptions.Panicf("kafisto: Predict in a graph that is not marked as training: call scope.SetTraining(g, true) first")
	case o.stepOf(g) != nil:
		exceptions.Panicf("kafisto: Predict was called twice in one graph (optimizer scope %q): wrap the model or call Predict, not both, and give optimizers that share a store different scopes", o.config.Settings.Scope)
	case len(variables) == 0:
		exceptions.Panicf("kafisto: there are no trainable variables below scope %q to predict: create the model's variables first, or wrap the model function with kafisto.Model", scope.Scope())
	}
	for _, v := range variables {
		if v.InUseByGraph(g) {
			exceptions.Panicf("kafisto: variable %q was used in the graph before Predict: call Predict before the model is built", v.Path())
		}
	}
	c := o.config
	s := &step{state: o.stateIn(scope.Store())}
	s.count = s.state.count.NodeValue(g)
	for _, v := range variables {
		s.layers = append(s.layers, o.newLayer(g, s.state, v))
	}
	s.qx = o.stateNoise(g, s, o.passesIn(g, s).predict(s))
	s.P = s.state.covariance(g)
	if c.Algorithm == Vanilla {
		s.P = s.P.predictVanilla(s.qx)
	} else {
		s.P = s.P.predictDynamics(c.VelocityDecay, s.qx, c.VelocityNoise)
	}
	for _, l := range s.layers {
		if l.p != nil {
			l.variable.SetNodeValue(l.x)
		}
		if l.average != nil && c.Variant == Paper {
			s.state.average(l.variable).SetNodeValue(l.average)
		}
	}
	model.SetGraphParam(g, o.stepKey(), s)
}

// newLayer is a layer before its prediction.
func (o *Optimizer) newLayer(g *graph.Graph, s *state, v *model.Variable) *layer {
	c, l := o.config, &layer{variable: v, x: v.NodeValue(g)}
	if c.Algorithm == Dynamics {
		l.p = s.velocity(v).NodeValue(g)
	}
	if c.StateNoise.Adaptive {
		l.average = s.average(v).NodeValue(g)
	}
	if c.undecayed == nil || !c.undecayed(v) {
		l.decay, l.shrink = c.WeightDecay, c.DecoupledWeightDecay
	}
	return l
}

// stateNoise is eq. 25 in the variant's reading, over all layers, of d2 = |x -
// x_avg|^2.
func (o *Optimizer) stateNoise(g *graph.Graph, s *step, d2 *graph.Node) *graph.Node {
	c := o.config
	if !c.StateNoise.Adaptive {
		return graph.Const(g, c.StateNoise.Value)
	}
	n := 0
	for _, l := range s.layers {
		n += l.x.Shape().Size()
	}
	estimate := dispersion(c.Variant, d2, n)
	return movingAverage(graph.Const(g, c.StateNoise.Smoothing), s.state.stateNoise.NodeValue(g), estimate)
}

// averageSmoothing is beta_x of eq. 24 in the paper variant, a Float64 scalar:
// 0 in the first step, so that x_avg starts at the initial parameters.
func (o *Optimizer) averageSmoothing(count *graph.Node) *graph.Node {
	g := count.Graph()
	first := graph.Equal(count, graph.ScalarZero(g, dtypes.Int64))
	return graph.Where(first, graph.ScalarZero(g, dtypes.Float64), graph.Const(g, o.config.AverageSmoothing))
}

// Observe records the per-example losses of the minibatch (per token in
// language models), of any shape but scalar, from which R is estimated (eq.
// 23), and returns their mean, a scalar of their dtype, to be used as loss.
// Elements where mask is false count neither in the mean nor in R; mask is a
// Bool node with as many elements as losses, or nil. A minibatch that is masked
// altogether has the mean 0 and leaves R as it was. In a graph without Predict
// (evaluation) Observe only returns the mean.
func (o *Optimizer) Observe(losses, mask *graph.Node) (mean *graph.Node) {
	s := o.stepOf(losses.Graph())
	if s != nil {
		if s.observed {
			exceptions.Panicf("kafisto: Observe was called twice in one graph: concatenate the per-example losses, and add auxiliary losses to the scalar loss only")
		}
		s.observed = true
	}
	if losses.IsScalar() {
		if s != nil && o.config.MeasurementNoise.Adaptive {
			exceptions.Panicf("kafisto: the loss function returned a scalar, but R is estimated from per-example losses (eq. 23): return one loss an example, such as kafisto.SparseCrossEntropyLogits does, or use ConstantMeasurementNoise")
		}
		return losses
	}
	mask = matchMask(mask, losses)
	if s != nil {
		squares := graph.Square(graph.ConvertDType(losses, accumulatorDType(losses)))
		s.squares = graph.ConvertDType(maskedMean(squares, mask), dtypes.Float64)
		if mask != nil {
			s.measured = graph.LogicalAny(mask)
		}
	}
	return maskedMean(losses, mask)
}

// Clear deletes the optimizer's variables from the store, and what a checkpoint
// that is loaded as needed still holds of them: the state starts afresh in
// graphs that are built later. It implements GoMLX's optimizer.Interface.
func (o *Optimizer) Clear(scope *model.Scope) error {
	store, prefix := scope.Store(), "/"+o.config.Settings.Scope
	paths := []string{"step", "parameter_variance", "cross_covariance", "velocity_variance", "measurement_noise", "state_noise"}
	for v := range store.IterVariables() {
		paths = append(paths, "velocity"+v.Path(), "average"+v.Path())
	}
	for _, path := range paths {
		if err := store.DeleteVariable(prefix + "/" + path); err != nil {
			return fmt.Errorf("kafisto: deleting the optimizer's state: %w", err)
		}
	}
	if err := store.DeleteVariablesInScope(prefix); err != nil {
		return fmt.Errorf("kafisto: deleting the optimizer's state: %w", err)
	}
	return nil
}
