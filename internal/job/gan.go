package job

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/gomlx/compute"
	"github.com/gomlx/gomlx/ml/model"

	"github.com/kafisto/kafisto"
	"github.com/kafisto/kafisto/internal/task"
	"github.com/kafisto/kafisto/internal/train"
	"github.com/kafisto/kafisto/models"
)

// IsGAN tells whether the settings' task is a generative adversarial network: their
// model is one.
func (s Settings) IsGAN() bool { return slices.Contains(models.GANNames(), s.Model) }

// ganSetting names a setting for GANs that is not at its default, "" if all are.
func (s Settings) ganSetting() string {
	own := Defaults()
	switch {
	case s.CriticSteps != own.CriticSteps:
		return "critic-steps"
	case s.Generated != own.Generated:
		return "generated"
	case s.Features != own.Features:
		return "features"
	case s.CriticOptimizer != own.CriticOptimizer:
		return "critic-optimizer"
	case s.CriticLearningRate != nil:
		return "critic-learning-rate"
	}
	return ""
}

// checkGAN is checkTask for GANs.
func (s Settings) checkGAN() error {
	own := Defaults()
	if _, err := models.GANByName(s.Model, models.GANConfig{Width: s.Width}); err != nil {
		return err
	}
	if s.Generated > MostGenerated {
		return fmt.Errorf("settings: generated is %d: it must be at most %d", s.Generated, MostGenerated)
	}
	if critic := s.CriticOptimizer; critic != "" && !slices.Contains(OptimizerNames(), critic) {
		return fmt.Errorf("settings: unknown critic-optimizer %q: use one of %s", critic, strings.Join(OptimizerNames(), ", "))
	}
	if s.Optimizer == "kafisto" || s.CriticOptimizer == "kafisto" {
		if err := s.checkGANTarget(); err != nil {
			return err
		}
	}
	for name, set := range map[string]bool{
		"dropout": s.Dropout != own.Dropout, "window": s.Window != own.Window, "augment": s.Augment, "initializer": s.Initializer != own.Initializer,
	} {
		if set {
			return fmt.Errorf("settings: %s is set, but GANs have no use for it: leave it out", name)
		}
	}
	return nil
}

// checkGANTarget refuses targets of KaFiStO that are above a loss below 0, as that of a
// GAN often is: by these the filter would raise it.
func (s Settings) checkGANTarget() error {
	target, err := parseTarget(s.Target)
	if err != nil {
		return err
	}
	const advice = "but the losses of a GAN have no lower bound: set target to offset:4, as the paper does, or to a number below the loss"
	switch {
	case s.ScheduleOn == onEpsilon:
		return fmt.Errorf("settings: schedule-on is %s, %s", s.ScheduleOn, advice)
	case target == (kafisto.Target{}) || strings.HasPrefix(s.Target, "fraction:"):
		return fmt.Errorf("settings: target is %s, %s", s.Target, advice)
	}
	return nil
}

// ganTask is the task of settings for a GAN. Features that cannot be are an error.
func ganTask(s Settings, o Options, folder string) (task.GAN, error) {
	t := task.GAN{
		Dataset: s.Dataset, Folder: folder, Model: s.Model, Width: s.Width, BatchSize: s.BatchSize, CriticSteps: s.CriticSteps,
		Seed: uint64(s.Seed), TrainExamples: s.TrainExamples, EvalExamples: s.EvalExamples, Samples: s.Generated,
		Show: gridsInto(o.Dir),
	}
	if s.Features == "" {
		return t, nil
	}
	t.Features = func(_ context.Context, backend compute.Backend) (task.Features, error) {
		return openFeatures(s.Features, s.Dataset, backend, o)
	}
	if err := checkClassifier(bestOf(s.Features), s.Dataset); err != nil { // before the first evaluation
		return t, fmt.Errorf("job: for features, which --features names: %w", err)
	}
	return t, nil
}

// criticSettings are the settings of the critic's optimizer. Schedules count its own
// steps.
func (s Settings) criticSettings() Settings {
	if s.CriticOptimizer != "" && s.CriticOptimizer != s.Optimizer {
		s.Optimizer, s.LearningRate = s.CriticOptimizer, nil
	}
	if s.CriticLearningRate != nil {
		s.LearningRate = s.CriticLearningRate
	}
	return s
}

// rivalSettings are the effective settings of a GAN's two optimizers.
type rivalSettings struct {
	Generator any `json:"generator"`
	Critic    any `json:"critic"`
}

// newRivals builds the optimizers of a GAN, each for its own network, for a run of
// so many steps. Learning rates are multiplied by the factor.
func newRivals(s Settings, factor float64, stepsPerEpoch, steps int64) (train.Optimizer, error) {
	generator, err := newOptimizer(s, factor, task.GeneratorScope, stepsPerEpoch, steps)
	if err != nil {
		return train.Optimizer{}, err
	}
	perStep := int64(s.CriticSteps)
	critic, err := newOptimizer(s.criticSettings(), factor, task.CriticScope, stepsPerEpoch*perStep, steps*perStep)
	if err != nil {
		return train.Optimizer{}, fmt.Errorf("the critic's optimizer: %w", err)
	}
	both := generator
	both.Settings, both.Critic = rivalSettings{generator.Settings, critic.Settings}, &critic
	return both, nil
}

// variablesOf tells whether a variable is one of a network's.
func variablesOf(network string) func(*model.Variable) bool {
	return func(v *model.Variable) bool { return strings.HasPrefix(v.Path(), "/"+network+"/") }
}
