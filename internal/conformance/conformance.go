// Package conformance is one set of tests that every optimizer of this project
// has to pass, KaFiStO and the baselines alike, on every backend.
package conformance

import (
	"testing"

	"github.com/gomlx/compute"
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/ml/train"
	"github.com/gomlx/gomlx/ml/train/optimizer"

	"github.com/kafisto/kafisto/internal/engine/enginetest"
	"github.com/kafisto/kafisto/schedule"
)

// PerExampleLoss returns one loss for each example, [batch].
type PerExampleLoss = func(labels, predictions []*graph.Node) *graph.Node

// Optimizer is an optimizer under test, and what a training step does around
// it.
type Optimizer struct {
	optimizer.Interface

	// WrapModel prepares the model function: an optimizer that predicts does
	// so before the model is evaluated.
	WrapModel func(model train.ModelFn) train.ModelFn

	// WrapLoss makes the training loss, a scalar, of per-example losses.
	WrapLoss func(losses PerExampleLoss) train.LossFn
}

// Plain is an optimizer that needs nothing but the mean loss.
func Plain(o optimizer.Interface) Optimizer {
	return Optimizer{
		Interface: o,
		WrapModel: func(model train.ModelFn) train.ModelFn { return model },
		WrapLoss: func(losses PerExampleLoss) train.LossFn {
			return func(labels, predictions []*graph.Node) *graph.Node {
				return graph.ReduceAllMean(losses(labels, predictions))
			}
		},
	}
}

// Factory makes the optimizer under test, as often as the tests need it.
type Factory struct {
	// Rate is a learning rate with which it learns the suite's two small
	// networks in 200 steps.
	Rate float64

	// New makes an optimizer with the given learning rates, whose state is
	// apart from that of others with another scope name. At a learning rate
	// of 0 it must not change the parameters.
	New func(scope string, rate schedule.Schedule) (Optimizer, error)
}

// suite is a factory on one backend.
type suite struct {
	Factory
	backend compute.Backend
}

// make returns the optimizer with its constant Rate.
func (s suite) make(t *testing.T, scope string) Optimizer {
	t.Helper()
	return s.scheduled(t, scope, schedule.Constant(s.Rate))
}

func (s suite) scheduled(t *testing.T, scope string, rate schedule.Schedule) Optimizer {
	t.Helper()
	o, err := s.New(scope, rate)
	if err != nil {
		t.Fatal(err)
	}
	return o
}

// Run runs every test of the suite as subtests, on both backends.
func Run(t *testing.T, f Factory) {
	t.Helper()
	enginetest.Each(t, func(t *testing.T, backend compute.Backend) { RunOn(t, backend, f) })
}

// RunOn runs every test of the suite as subtests on one backend: for variants
// of an optimizer that passed on both, as compiling takes XLA long.
func RunOn(t *testing.T, backend compute.Backend, f Factory) {
	t.Helper()
	for _, check := range []struct {
		name string
		run  func(t *testing.T, s suite)
	}{
		{"learns a convex problem", learnsConvex},
		{"learns a network", learnsNetwork},
		{"keeps dtypes, shapes and graph", keepsForm},
		{"repeats itself", repeats},
		{"resumes", resumes},
		{"takes another batch size", takesBatchSize},
		{"follows its schedule", followsSchedule},
		{"leaves frozen variables", leavesFrozen},
		{"counts tied variables once", countsTiedOnce},
		{"shares a store", sharesStore},
		{"works with the trainer", worksWithTrainer},
	} {
		t.Run(check.name, func(t *testing.T) { check.run(t, suite{f, backend}) })
	}
}
