package job

import (
	"context"
	"fmt"
	"strings"

	"github.com/kafisto/kafisto/internal/data"
	"github.com/kafisto/kafisto/internal/task"
	"github.com/kafisto/kafisto/internal/train"
	"github.com/kafisto/kafisto/models"
	"github.com/kafisto/kafisto/nn"
)

// IsLanguage tells whether the settings' task is language modelling.
func (s Settings) IsLanguage() bool {
	info, err := data.Describe(s.Dataset)
	return err == nil && info.Kind == data.KindText
}

// checkTask returns an error that names the first setting of the data set and the
// network that cannot be, or that the task has no use for.
func (s Settings) checkTask() error {
	info, err := data.Describe(s.Dataset)
	if err != nil {
		return err
	}
	own := Defaults()
	if info.Kind == data.KindText {
		switch _, err := models.LanguageByName(s.Model, models.LanguageConfig{Vocabulary: info.Vocabulary, Width: s.Width, Dropout: s.Dropout}); {
		case err != nil:
			return fmt.Errorf("%w (%s is text)", err, s.Dataset)
		case s.Augment:
			return fmt.Errorf("settings: augment is set, but %s is text: augmentation is for images", s.Dataset)
		case s.ganSetting() != "":
			return fmt.Errorf("settings: %s is set, but %s is no GAN: leave it out", s.ganSetting(), s.Model)
		case s.Initializer != own.Initializer:
			return fmt.Errorf("settings: initializer is %s, but language models have their own starting values: leave it at %s", s.Initializer, own.Initializer)
		}
		return nil
	}
	if s.IsGAN() {
		return s.checkGAN()
	}
	if _, err := models.ByName(s.Model, models.Config{Classes: info.Classes, Width: s.Width}); err != nil {
		return fmt.Errorf("%w (%s is images)", err, s.Dataset)
	}
	if s.Dropout != own.Dropout || s.Window != own.Window {
		return fmt.Errorf("settings: dropout is %g and window %d, but they are for language models: leave them at %g and %d", s.Dropout, s.Window, own.Dropout, own.Window)
	}
	if name := s.ganSetting(); name != "" {
		return fmt.Errorf("settings: %s is set, but %s is no GAN: leave it out", name, s.Model)
	}
	_, err = s.initializer()
	return err
}

// ownInitializer is the name that leaves starting values to the network.
const ownInitializer = "default"

// initializerNames are the values of the setting initializer.
func initializerNames() []string { return append([]string{ownInitializer}, nn.InitializerNames()...) }

// initializer finds the setting's initialiser, nil for the network's own.
func (s Settings) initializer() (nn.Initializer, error) {
	if s.Initializer == ownInitializer {
		return nil, nil
	}
	initializer, err := nn.InitializerByName(s.Initializer)
	if err != nil {
		return nil, fmt.Errorf("settings: unknown initializer %q: use one of %s", s.Initializer, strings.Join(initializerNames(), ", "))
	}
	return initializer, nil
}

// StepsPerEpoch returns how many full minibatches or windows an epoch has.
func (s Settings) StepsPerEpoch() (int64, error) {
	info, err := data.Describe(s.Dataset)
	if err != nil {
		return 0, err
	}
	examples := info.Train
	if s.TrainExamples > 0 {
		examples = s.TrainExamples
	}
	if info.Kind == data.KindText {
		return int64(max(examples/s.BatchSize-1, 0) / s.Window), nil // as data.Windows.Steps
	}
	if s.IsGAN() {
		return int64(examples / s.BatchSize / s.CriticSteps), nil
	}
	return int64(examples / s.BatchSize), nil
}

// reading is how held-out texts are read: parts side by side, words at a time; 0
// is the task's own.
type reading struct{ streams, window int }

// findProblem finds the settings' data and builds the task.
func findProblem(ctx context.Context, s Settings, o Options, r reading) (train.Problem, error) {
	folder, err := FindData(ctx, s, o)
	if err != nil {
		return train.Problem{}, err
	}
	if s.IsGAN() {
		gan, err := ganTask(s, o, folder)
		if err != nil {
			return train.Problem{}, err
		}
		return gan.Problem()
	}
	if s.IsLanguage() {
		return task.Language{
			Dataset: s.Dataset, Folder: folder, Model: s.Model, Width: s.Width, Dropout: s.Dropout, Streams: s.BatchSize, Window: s.Window,
			TrainWords: s.TrainExamples, EvalWords: s.EvalExamples, EvalStreams: r.streams, EvalWindow: r.window,
		}.Problem()
	}
	initializer, err := s.initializer()
	if err != nil {
		return train.Problem{}, err
	}
	return task.Images{
		Dataset: s.Dataset, Folder: folder, Model: s.Model, Width: s.Width, Initializer: initializer, BatchSize: s.BatchSize, Seed: uint64(s.Seed),
		Augment: s.Augment, TrainExamples: s.TrainExamples, EvalExamples: s.EvalExamples,
	}.Problem()
}
