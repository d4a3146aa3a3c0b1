package train

import (
	"context"
	"fmt"

	"github.com/gomlx/compute"
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/ml/model"
	gomlx "github.com/gomlx/gomlx/ml/train"

	"github.com/kafisto/kafisto"
	"github.com/kafisto/kafisto/internal/runlog"
)

// Rivals are the two networks of a GAN, which live in one store. A step of the run
// is CriticSteps steps of the critic and then one of the generator. A batch's inputs
// are those of the critic's steps, one after the other, as many for each, and then
// one for the generator; it has no labels.
type Rivals struct {
	// CriticSteps is the number of steps of the critic for one of the generator, at
	// least 1.
	CriticSteps int
	// Critic and Generator are the networks' steps. The critic's tells its estimate
	// of the Wasserstein distance and the mean norm of its scores' gradients.
	Critic, Generator Side
	// Assess prepares the evaluation of the networks as their variables in the store
	// are at the time; nil where nothing is evaluated, which is for a Stepper.
	Assess func(backend compute.Backend, store *model.Store) (Assessment, error)
}

// Side is what a training step of one network computes.
type Side struct {
	// Model builds the predictions from a step's inputs.
	Model gomlx.ModelFn
	// Losses builds the per-example losses.
	Losses kafisto.PerExampleLoss
	// Tell builds scalars for the log from the predictions; nil for none.
	Tell func(predictions []*graph.Node) []*graph.Node
}

// Assessment evaluates rivals. It is for one goroutine.
type Assessment interface {
	// Evaluate evaluates them after that many steps of the run; the step and the epoch
	// of the record are for the caller to set. When ctx is cancelled, it returns an error.
	Evaluate(ctx context.Context, step int64) (runlog.Eval, error)
	// Close frees what it holds.
	Close()
}

// The number of values that the critic's Side tells.
const toldByCritic = 2

// duel holds the compiled training steps of rivals, and their evaluation.
type duel struct {
	rivals            *Rivals
	critic, generator *model.Exec
	criticInputs      int // of a step of the critic: graphs are built with it
	generatorInputs   int
	assessment        Assessment
}

func newDuel(backend compute.Backend, store *model.Store, p Problem, o Optimizer) (*duel, error) {
	if o.Critic == nil {
		return nil, fmt.Errorf("train: %s has two networks, but there is no optimizer of the critic", p.Name)
	}
	d := &duel{rivals: p.Rivals, generatorInputs: 1}
	var err error
	if d.critic, err = newStep(backend, store, p.Rivals.Critic, *o.Critic, &d.criticInputs); err != nil {
		return nil, fmt.Errorf("train: %w", err)
	}
	if d.generator, err = newStep(backend, store, p.Rivals.Generator, o, &d.generatorInputs); err != nil {
		return nil, fmt.Errorf("train: %w", err)
	}
	d.critic.WithName("critic's training step")
	d.generator.WithName("generator's training step")
	if p.Rivals.Assess != nil {
		if d.assessment, err = p.Rivals.Assess(backend, store); err != nil {
			d.critic.Finalize()
			d.generator.Finalize()
			return nil, err
		}
	}
	return d, nil
}

// train does the steps of the critic and the one of the generator. What is logged
// of the critic is its last step.
func (d *duel) train(b Batch) (runlog.Step, error) {
	d.criticInputs = (len(b.Inputs) - d.generatorInputs) / d.rivals.CriticSteps
	var critic runlog.Critic
	for len(b.Inputs) > d.generatorInputs {
		values, _, err := call(d.critic, Batch{Inputs: b.Inputs[:d.criticInputs]})
		b.Inputs = b.Inputs[d.criticInputs:]
		if err != nil {
			b.Finalize()
			return runlog.Step{}, err
		}
		report := values[1+toldByCritic:]
		critic = runlog.Critic{
			Loss: values[0], Wasserstein: values[1], Slope: values[2],
			LearningRate: [3]float64(report[:3]), GradientNorm: report[3], Filter: filterOf(report),
		}
	}
	values, _, err := call(d.generator, b)
	if err != nil {
		return runlog.Step{}, err
	}
	step := record(values[0], values[1:])
	step.Critic = &critic
	return step, nil
}

func (d *duel) evaluate(ctx context.Context, step int64) ([]runlog.Eval, error) {
	e, err := d.assessment.Evaluate(ctx, step)
	return []runlog.Eval{e}, err
}

func (d *duel) close() {
	d.critic.Finalize()
	d.generator.Finalize()
	if d.assessment != nil {
		d.assessment.Close()
	}
}
