package bench

import (
	"context"
	"fmt"

	"github.com/kafisto/kafisto/internal/data"
	"github.com/kafisto/kafisto/internal/engine"
	"github.com/kafisto/kafisto/internal/job"
	"github.com/kafisto/kafisto/internal/train"
	"github.com/kafisto/kafisto/models"
)

// estimateSteps are timed, after as many that are not.
const estimateSteps = 2

// StepSeconds measures how long a training step of the settings takes, on made-up
// images of their data set's size, after compiling it. It is for estimates: a few
// steps, whatever else the machine does.
func StepSeconds(ctx context.Context, e *engine.Engine, s job.Settings) (float64, error) {
	info, err := data.Describe(s.Dataset)
	if err != nil {
		return 0, err
	}
	problem, err := classification(s.Model, models.Config{Classes: info.Classes, Width: s.Width})
	if err != nil {
		return 0, err
	}
	optimizer, err := newOptimizer(s.Optimizer)
	if err != nil {
		return 0, err
	}
	stepper, err := train.NewStepper(e.Backend, problem, optimizer, seed)
	if err != nil {
		return 0, err
	}
	defer stepper.Close()
	next := madeImages(s.BatchSize, info.Height, info.Width, info.Channels, info.Classes)
	seconds, err := repeat(ctx, 2*estimateSteps, func() error {
		inputs, labels := next()
		_, err := stepper.Step(train.Batch{Inputs: inputs, Labels: labels, Size: s.BatchSize})
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("bench: a step of %s: %w", s.Model, err)
	}
	return median(seconds[estimateSteps:]), nil
}
