package bench

import (
	"context"
	"fmt"
	"math/rand/v2"

	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"

	"github.com/kafisto/kafisto"
	"github.com/kafisto/kafisto/internal/engine"
	"github.com/kafisto/kafisto/internal/job"
	"github.com/kafisto/kafisto/internal/train"
	"github.com/kafisto/kafisto/models"
)

// trained are the networks whose whole training step is a case, and its compile
// time another. A new one joins with one line.
var trained = []trainedCase{
	classifier("resnet18", "resnet18", 128, 32, 32, 3, 100),
	classifier("resnet50", "resnet50", 64, 32, 32, 3, 100),
	classifier("wrn50_2", "wide-resnet50-2", 64, 32, 32, 3, 100),
	classifier("small-cnn", "small-cnn", 128, 28, 28, 1, 10),
	language("lstm200", "tiny-lstm"),
	language("lstm1500", "larger-lstm"),
	language("transformer", "tiny-transformer"),
	gan("dcgan"),
}

// trainedCase is something that is trained.
type trainedCase struct {
	name, unit  string
	batch       int                                                       // where none is asked for
	items       int                                                       // in an example: 1 image, 35 words
	criticSteps int                                                       // of a GAN, whose two networks have an optimizer each; 0 for one network
	problem     func(batch int) (train.Problem, error)                    // on made-up data
	next        func(batch int) func() (inputs, labels []*tensors.Tensor) // gives the same batch again and again, in new tensors
}

// classifier is a network of package models as a case of that name, which is the
// peer's where they differ.
func classifier(name, network string, batch, height, width, channels, classes int) trainedCase {
	return trainedCase{
		name: name, unit: "images", batch: batch, items: 1,
		problem: func(int) (train.Problem, error) { return classification(network, models.Config{Classes: classes}) },
		next: func(batch int) func() (inputs, labels []*tensors.Tensor) {
			return madeImages(batch, height, width, channels, classes)
		},
	}
}

// classification is the training of a network of package models, without data.
func classification(name string, c models.Config) (train.Problem, error) {
	network, err := models.ByName(name, c)
	return train.Problem{
		Name: name, StepsPerEpoch: 1, Losses: kafisto.SparseCrossEntropyLogits,
		Model: func(scope *model.Scope, _ any, inputs []*graph.Node) []*graph.Node {
			return []*graph.Node{network(scope, inputs[0])}
		},
	}, err
}

// madeImages gives the same batch of made-up images again and again, in new tensors.
func madeImages(batch, height, width, channels, classes int) func() (inputs, labels []*tensors.Tensor) {
	images := tensors.MustCopyFlatData[float32](random(1.7, batch, height, width, channels))
	source := rand.New(rand.NewPCG(seed, seed))
	classOf := make([]int32, batch)
	for i := range classOf {
		classOf[i] = source.Int32N(int32(classes))
	}
	return func() (inputs, labels []*tensors.Tensor) {
		return []*tensors.Tensor{tensors.FromFlatDataAndDimensions(images, batch, height, width, channels)},
			[]*tensors.Tensor{tensors.FromFlatDataAndDimensions(classOf, batch)}
	}
}

// stepCases are whole training steps: the very graph that training runs, with
// the batch handed over from the host and the step's record handed back.
func stepCases() (cases []Case) {
	for _, t := range trained {
		cases = append(cases, Case{
			Name: t.name, Unit: t.unit, Batch: t.batch,
			About:   "whole training step of " + t.name + " with --optimizer, one fixed batch",
			measure: t.measure,
		})
	}
	return cases
}

// compileCases take the compile time alone: two steps.
func compileCases() (cases []Case) {
	for _, t := range trained {
		cases = append(cases, Case{
			Name: "compile/" + t.name, Unit: t.unit, Batch: t.batch,
			About: "compile time of " + t.name + "'s training step: first step minus second",
			measure: func(ctx context.Context, e *engine.Engine, o Options) (Measurement, error) {
				o.Warmup, o.Steps = 1, 1
				return t.measure(ctx, e, o)
			},
		})
	}
	return cases
}

func (t trainedCase) measure(ctx context.Context, e *engine.Engine, o Options) (Measurement, error) {
	m, err := timed(t.prepare)(ctx, e, o)
	m.Optimizer = o.Optimizer
	return m, err
}

func (t trainedCase) prepare(_ context.Context, e *engine.Engine, o Options) (*work, error) {
	problem, err := t.problem(o.Batch)
	if err != nil {
		return nil, err
	}
	optimizer, err := newOptimizer(o.Optimizer, t.name, t.criticSteps)
	if err != nil {
		return nil, err
	}
	stepper, err := train.NewStepper(e.Backend, problem, optimizer, seed)
	if err != nil {
		return nil, err
	}
	next := t.next(o.Batch)
	step := func() error {
		inputs, labels := next()
		_, err := stepper.Step(train.Batch{Inputs: inputs, Labels: labels, Size: o.Batch})
		return err
	}
	return &work{step: step, items: float64(t.items * o.Batch), close: stepper.Close}, nil
}

// benchRates are learning rates at which every optimizer stays finite on one
// batch that is shown over and over. They do not touch the speed.
var benchRates = map[string]float64{"sgd": 0.01}

// newOptimizer is the optimizer as `kafisto train` has it by default, weight
// decay included, or the two of the GAN of that name, where there are critic steps,
// with the paper's settings of KaFiStO for them.
func newOptimizer(name, gan string, criticSteps int) (train.Optimizer, error) {
	settings := job.Defaults()
	settings.Optimizer = name
	if criticSteps > 0 {
		settings.Model, settings.CriticSteps = gan, criticSteps
		settings.Target, settings.VelocityDecay = "offset:4", new(0.5)
	}
	if rate, ok := benchRates[name]; ok {
		settings.LearningRate = &rate
	}
	optimizer, err := job.NewOptimizer(settings, 1, 1)
	if err != nil {
		return optimizer, fmt.Errorf("optimizer %s: %w", name, err)
	}
	return optimizer, nil
}
