// Package optim has the baselines that KaFiStO is compared with, SGD, Adam and
// AdamW, as GoMLX optimizers that compute exactly what PyTorch's do.
//
// All of them update the trainable float variables under the given scope that
// the loss's graph uses. Their state is non-trainable variables under
// "optim/<name>", in the dtype of the parameter (Float32 for smaller floats),
// and an Int64 step counter; checkpoints carry it. Bias corrections and the
// learning rate are computed in Float64. GoMLX's own hyperparameters
// (learning_rate, clip_nan, ...) are not read.
//
// They take the loss only, not accumulated gradients: GoMLX's trainer refuses
// to accumulate with them.
package optim

import (
	"slices"
	"strings"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/ml/model"
	"github.com/gomlx/gomlx/ml/model/initializer"
	"github.com/gomlx/gomlx/ml/train/optimizer"
	"github.com/gomlx/gomlx/support/exceptions"

	"github.com/kafisto/kafisto/schedule"
)

// Optimizer is one of SGD, Adam and AdamW with its settings; Builder.Done
// makes it. It is immutable and implements GoMLX's optimizer.Interface.
type Optimizer struct {
	settings Settings
	rate     schedule.Schedule
	excluded func(v *model.Variable) bool
	included func(v *model.Variable) bool
	rule     rule
}

var _ optimizer.Interface = (*Optimizer)(nil)

// rule is one algorithm: what it does to one parameter.
type rule interface {
	// slots names the tensors that are kept for every parameter.
	slots() []string
	// prepare builds what all parameters share in a step; the returned
	// function gives the change of a parameter for its gradient and the new
	// values of its slots. rate and count (from 1) are Float64 scalars.
	prepare(rate, count *graph.Node) func(gradient *graph.Node, state []*graph.Node) (change *graph.Node, newState []*graph.Node)
}

// Settings returns what the optimizer really uses.
func (o *Optimizer) Settings() Settings { return o.settings }

// UpdateGraph builds one training step for a scalar loss; it implements
// optimizer.Interface. Like all graph building it panics on errors, which
// model.Exec and train.Trainer return as such.
func (o *Optimizer) UpdateGraph(scope *model.Scope, g *graph.Graph, loss *graph.Node) {
	parameters := o.parametersOf(scope, g)
	o.check(scope, g, loss, parameters)
	nodes := make([]*graph.Node, len(parameters))
	for i, v := range parameters {
		nodes[i] = v.NodeValue(g)
	}
	gradients := graph.Gradient(loss, nodes...)
	for i, v := range parameters {
		optimizer.TraceNaNInGradients(scope, v, gradients[i])
		gradients[i] = convert(gradients[i], stateDType(v))
	}
	norm := globalNorm(gradients)
	if o.settings.ClipNorm > 0 {
		clip(gradients, norm, o.settings.ClipNorm)
	}

	optimizer.IncrementGlobalStep(g, dtypes.Int64)
	step := o.nextStep(scope, g)
	rate := o.rate.Node(step)
	o.report(g, rate, norm)
	change := o.rule.prepare(rate, graph.ConvertDType(graph.OnePlus(step), dtypes.Float64))
	for i, v := range parameters {
		o.update(v, gradients[i], rate, change)
	}
}

// check panics with a sentence where the step would train wrongly. GoMLX puts
// variables as constants into graphs that are not marked as training (on
// backends that prefer this, such as Go's): every step would start again from
// the first values.
func (o *Optimizer) check(scope *model.Scope, g *graph.Graph, loss *graph.Node, parameters []*model.Variable) {
	name := o.settings.Algorithm
	if !loss.IsScalar() || !loss.DType().IsFloat() {
		exceptions.Panicf("optim: %s: the loss is %s: it must be a float scalar, such as the mean of the per-example losses", name, loss.Shape())
	}
	if len(parameters) == 0 {
		exceptions.Panicf("optim: %s: the graph uses no trainable float variable in scope %q", name, scope.Scope())
	}
	training := scope.IsTraining(g)
	for _, v := range parameters {
		training = training && v.NodeValue(g).Type() != graph.NodeTypeConstant
	}
	if !training {
		exceptions.Panicf("optim: %s: the graph was not marked as training when the model was built: call scope.SetTraining(g, true) first", name)
	}
}

// update sets one parameter's and its state's new values.
func (o *Optimizer) update(v *model.Variable, gradient, rate *graph.Node, change func(*graph.Node, []*graph.Node) (*graph.Node, []*graph.Node)) {
	g := gradient.Graph()
	x := convert(v.NodeValue(g), gradient.DType())
	if decay := o.settings.WeightDecay; decay > 0 && (o.excluded == nil || !o.excluded(v)) {
		if o.settings.DecoupledDecay {
			x = graph.Mul(x, convert(graph.OneMinus(graph.MulScalar(rate, decay)), x.DType()))
		} else {
			gradient = graph.Add(gradient, graph.MulScalar(x, decay))
		}
	}
	slots := o.slotVariables(g, v)
	state := make([]*graph.Node, len(slots))
	for i, s := range slots {
		state[i] = s.NodeValue(g)
	}
	delta, newState := change(gradient, state)
	for i, s := range slots {
		s.SetNodeValue(newState[i])
	}
	v.SetNodeValue(convert(graph.Add(x, delta), v.DType()))
}

// Clear deletes the optimizer's state for the variables under scope; it
// implements optimizer.Interface.
func (o *Optimizer) Clear(scope *model.Scope) error {
	store := scope.Store()
	paths := []string{o.stepPath(scope)}
	for v := range scope.IterVariables() {
		for _, slot := range o.rule.slots() {
			paths = append(paths, o.slotPath(v, slot))
		}
	}
	// One by one, so that state which still waits in a checkpoint goes as well.
	for _, path := range paths {
		if err := store.DeleteVariable(path); err != nil {
			return err
		}
	}
	return store.DeleteVariablesInScope(model.JoinPath(o.statePath(), scope.Scope()))
}

// statePath is the scope of all state.
func (o *Optimizer) statePath() string {
	return model.JoinPath(model.RootScopePath, "optim", o.settings.Scope)
}

func (o *Optimizer) slotPath(v *model.Variable, slot string) string {
	return model.JoinPath(o.statePath(), v.Path(), slot)
}

// stepPath is the step counter's, one for every scope that is updated: a
// generator and a discriminator each have their own.
func (o *Optimizer) stepPath(scope *model.Scope) string {
	return model.JoinPath(o.statePath(), scope.Scope(), "step")
}

// slotVariables returns the state of one parameter, zeros at first. Restored
// variables come back as trainable, so this is set every time.
func (o *Optimizer) slotVariables(g *graph.Graph, v *model.Variable) []*model.Variable {
	var variables []*model.Variable
	for _, slot := range o.rule.slots() {
		shape := shapes.Make(stateDType(v), v.Shape().Dimensions...)
		variables = append(variables, model.GetStore(g).VariableWithShape(o.slotPath(v, slot), shape, initializer.Zero).SetTrainable(false))
	}
	return variables
}

// nextStep returns the number of steps taken before this one, a scalar Int64,
// and counts this one.
func (o *Optimizer) nextStep(scope *model.Scope, g *graph.Graph) *graph.Node {
	counter := scope.Store().VariableWithValue(o.stepPath(scope), int64(0)).SetTrainable(false)
	step := counter.NodeValue(g)
	counter.SetNodeValue(graph.OnePlus(step))
	return step
}

// parametersOf returns the variables to be updated, ordered by path. Variables
// restored from a checkpoint come back as trainable, the random number
// generator's integer state among them: only floats are parameters.
func (o *Optimizer) parametersOf(scope *model.Scope, g *graph.Graph) []*model.Variable {
	var parameters []*model.Variable
	for v := range scope.IterVariables() {
		if v.Trainable && v.DType().IsFloat() && v.InUseByGraph(g) && (o.included == nil || o.included(v)) {
			parameters = append(parameters, v)
		}
	}
	slices.SortFunc(parameters, func(a, b *model.Variable) int { return strings.Compare(a.Path(), b.Path()) })
	return parameters
}

// stateDType is the dtype in which a parameter's step is computed and its
// state is kept.
func stateDType(v *model.Variable) dtypes.DType {
	if v.DType() == dtypes.Float64 {
		return dtypes.Float64
	}
	return dtypes.Float32
}

func convert(x *graph.Node, dtype dtypes.DType) *graph.Node {
	if x.DType() == dtype {
		return x
	}
	return graph.ConvertDType(x, dtype)
}
