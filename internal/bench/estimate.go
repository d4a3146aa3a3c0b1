package bench

import (
	"context"
	"fmt"

	"github.com/gomlx/gomlx/core/tensors"

	"github.com/kafisto/kafisto/internal/data"
	"github.com/kafisto/kafisto/internal/engine"
	"github.com/kafisto/kafisto/internal/job"
	"github.com/kafisto/kafisto/internal/train"
	"github.com/kafisto/kafisto/models"
)

// estimateSteps are timed, after as many that are not.
const estimateSteps = 2

// StepSeconds measures how long a training step of the settings takes, on made-up
// images or words of their data set's size, after compiling it. It is for estimates: a few
// steps, whatever else the machine does.
func StepSeconds(ctx context.Context, e *engine.Engine, s job.Settings) (float64, error) {
	info, err := data.Describe(s.Dataset)
	if err != nil {
		return 0, err
	}
	t := trainedCase{
		items: 1,
		problem: func(int) (train.Problem, error) {
			return classification(s.Model, models.Config{Classes: info.Classes, Width: s.Width})
		},
		next: func(batch int) func() (inputs, labels []*tensors.Tensor) {
			return madeImages(batch, info.Height, info.Width, info.Channels, info.Classes)
		},
	}
	switch {
	case s.IsGAN():
		t = ganCase(s.Model, models.GANConfig{Width: s.Width}, s.CriticSteps)
	case info.Kind == data.KindText:
		t = languageCase(s.Model, s.Model, models.LanguageConfig{Vocabulary: info.Vocabulary, Width: s.Width, Dropout: s.Dropout}, s.Window)
	}
	w, err := t.prepare(ctx, e, Options{Batch: s.BatchSize, Optimizer: s.Optimizer})
	if err != nil {
		return 0, err
	}
	defer w.close()
	seconds, err := repeat(ctx, 2*estimateSteps, w.step)
	if err != nil {
		return 0, fmt.Errorf("bench: a step of %s: %w", s.Model, err)
	}
	return median(seconds[estimateSteps:]), nil
}
