package kafisto

import (
	"fmt"
	"slices"

	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/ml/model"
	"github.com/gomlx/gomlx/ml/train"
	"github.com/gomlx/gomlx/ml/train/optimizer"
)

// ModelFunc is a model function in one of the usual forms that GoMLX's trainer
// takes.
type ModelFunc interface {
	func(*model.Scope, *graph.Node) *graph.Node |
		func(*model.Scope, []*graph.Node) []*graph.Node |
		func(*model.Scope, any, []*graph.Node) []*graph.Node |
		train.ModelFn
}

// Model wraps a model function so that in training graphs the model sees the
// parameters that opt predicts, and in evaluation graphs always the present
// values of its variables, the posterior. With an optimizer that is not KaFiStO,
// training graphs are built as they were.
//
// The second is a guard: on backends such as Go's, GoMLX builds the values that
// variables have at the time into evaluation graphs as constants, so that an
// evaluation step that is built once would go on testing the parameters of its
// first run.
//
// To know the model's variables before it is built, the function is traced
// first, in a graph that is thrown away: it must not rely on being called once.
// A graph marked as training must end in the optimizer's update.
func Model[F ModelFunc](opt optimizer.Interface, modelFn F) train.ModelFn {
	fn := canonical(modelFn)
	o, isKaFiStO := opt.(*Optimizer)
	return func(scope *model.Scope, spec any, inputs []*graph.Node) []*graph.Node {
		g := inputs[0].Graph()
		switch {
		case scope.IsTraining(g) && isKaFiStO:
			o.predict(scope, g, slices.DeleteFunc(trace(scope, spec, inputs, fn), func(v *model.Variable) bool { return !o.trains(v) }))
		case !scope.IsTraining(g) && g.Backend().Capabilities().PreferConstantsForVariables && !scope.Store().VariablesAsConst():
			variables := trace(scope, spec, inputs, fn)
			scope.SetTraining(g, true) // training graphs are spared
			for _, v := range variables {
				v.NodeValue(g)
			}
			scope.SetTraining(g, false)
		}
		return fn(scope, spec, inputs)
	}
}

// trace builds the model in a graph of its own, which creates its variables,
// and returns those that it uses below scope, in the store's order.
func trace(scope *model.Scope, spec any, inputs []*graph.Node, fn train.ModelFn) []*model.Variable {
	original := inputs[0].Graph()
	g := graph.NewGraph(original.Backend(), "kafisto: trace of the model's variables")
	defer g.Finalize()
	model.SetStore(g, scope.Store())
	scope.SetTraining(g, scope.IsTraining(original))
	parameters := make([]*graph.Node, len(inputs))
	for i, input := range inputs {
		parameters[i] = graph.Parameter(g, fmt.Sprintf("input #%d", i), input.Shape())
	}
	fn(scope.ResetVisited(), spec, parameters)
	var variables []*model.Variable
	for v := range scope.IterVariables() {
		if v.InUseByGraph(g) {
			variables = append(variables, v)
		}
	}
	return variables
}

// canonical gives a model function GoMLX's canonical form.
func canonical[F ModelFunc](modelFn F) train.ModelFn {
	switch fn := any(modelFn).(type) {
	case func(*model.Scope, *graph.Node) *graph.Node:
		return func(scope *model.Scope, _ any, inputs []*graph.Node) []*graph.Node {
			return []*graph.Node{fn(scope, inputs[0])}
		}
	case func(*model.Scope, []*graph.Node) []*graph.Node:
		return func(scope *model.Scope, _ any, inputs []*graph.Node) []*graph.Node {
			return fn(scope, inputs)
		}
	case func(*model.Scope, any, []*graph.Node) []*graph.Node:
		return fn
	default:
		return any(modelFn).(train.ModelFn)
	}
}

// PerExampleLoss returns one loss for each example (or token), of any shape but
// scalar, from the labels and the model's predictions.
type PerExampleLoss func(labels, predictions []*graph.Node) *graph.Node

// Loss wraps a per-example loss for GoMLX's trainer: it hands the losses to
// opt, which estimates R from them, and returns their mean. The first Bool label
// after labels[0] is a mask with one element a loss: where it is false, the loss
// counts neither in the mean nor in R. With an optimizer that is not KaFiStO it
// is just the (masked) mean.
func Loss(opt optimizer.Interface, perExample PerExampleLoss) train.LossFn {
	return func(labels, predictions []*graph.Node) *graph.Node {
		losses := perExample(labels, predictions)
		mask := findMask(labels)
		if o, ok := opt.(*Optimizer); ok {
			return o.Observe(losses, mask)
		}
		return maskedMean(losses, matchMask(mask, losses))
	}
}
