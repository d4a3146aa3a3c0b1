package job

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/kafisto/kafisto"
	"github.com/kafisto/kafisto/optim"
)

// ganSettings are settings of a GAN.
func ganSettings() Settings {
	s := Defaults()
	s.Model, s.BatchSize, s.Target = "dcgan", 64, "offset:4"
	return s
}

func TestGANSettingsSayWhatIsWrong(t *testing.T) {
	for name, change := range map[string]func(*Settings){
		"critic-steps is 0":            func(s *Settings) { s.CriticSteps = 0 },
		"generated is 1":               func(s *Settings) { s.Generated = 1 },
		"unknown critic-optimizer":     func(s *Settings) { s.CriticOptimizer = "adamant" },
		"the critic's optimizer":       func(s *Settings) { s.CriticLearningRate = new(-1.0) },
		"no lower bound":               func(s *Settings) { s.Target = "0" },
		"target is 0.0":                func(s *Settings) { s.Target = "0.0" },
		"target is fraction:0.5":       func(s *Settings) { s.Target = "fraction:0.5" },
		"schedule-on is epsilon":       func(s *Settings) { s.Target, s.ScheduleOn = "0", onEpsilon },
		"generated is 1000001":         func(s *Settings) { s.Generated = MostGenerated + 1 },
		"augment is set":               func(s *Settings) { s.Augment = true },
		"dropout is set":               func(s *Settings) { s.Dropout = 0.1 },
		"critic-steps is set, but sma": func(s *Settings) { s.Model, s.CriticSteps = "small-cnn", 1 },
		"features is set, but small-c": func(s *Settings) { s.Model, s.Features = "small-cnn", "runs/x" },
		"generated is set, but tiny-l": func(s *Settings) { s.Dataset, s.Model, s.Generated = "shakespeare", "tiny-lstm", 10 },
	} {
		s := ganSettings()
		if err := s.Check(); err != nil {
			t.Fatal(err)
		}
		change(&s)
		if err := s.Check(); err == nil || !strings.Contains(err.Error(), name) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%v, want one sentence with %q", err, name)
		}
	}
}

// TestOptimizersOfAGAN: each network has an optimizer with settings and a schedule of
// its own.
func TestOptimizersOfAGAN(t *testing.T) {
	s := ganSettings()
	s.VelocityDecay, s.WeightDecay = new(0.5), 0
	o, err := NewOptimizer(s, 10, 100)
	if err != nil {
		t.Fatal(err)
	}
	for network, settings := range map[string]any{"generator": o.Settings.(rivalSettings).Generator, "critic": o.Critic.Settings} {
		k, ok := settings.(kafisto.Settings)
		if !ok || k.Scope != "kafisto-"+network || k.VelocityDecay != 0.5 || k.Target != "L-4" {
			t.Errorf("%s: %+v", network, settings)
		}
	}

	s.CriticOptimizer, s.Beta1 = "adam", 0.5
	if o, err = NewOptimizer(s, 10, 100); err != nil {
		t.Fatal(err)
	}
	a, ok := o.Critic.Settings.(optim.Settings)
	if !ok || a.Algorithm != optim.NameAdam || a.LearningRate != 3e-4 || a.Beta1 != 0.5 || a.Scope != "adam-critic" {
		t.Errorf("an Adam for the critic: %+v", o.Critic.Settings)
	}
	s.CriticLearningRate = new(2e-4)
	if o, err = NewOptimizer(s, 10, 100); err != nil || o.Critic.Settings.(optim.Settings).LearningRate != 2e-4 || o.Name != "kafisto" {
		t.Errorf("with a learning rate: %+v, %v", o.Critic.Settings, err)
	}
	text, err := json.Marshal(o.Settings)
	if err != nil || !strings.Contains(string(text), `"generator":{`) || !strings.Contains(string(text), `"critic":{`) {
		t.Errorf("for the run folder: %s, %v", text, err)
	}
}

// TestEpochsOfAGAN: an epoch is a pass of the critic over the data.
func TestEpochsOfAGAN(t *testing.T) {
	s := ganSettings()
	s.TrainExamples = 2000
	for criticSteps, want := range map[int]int64{1: 31, 5: 6} {
		s.CriticSteps = criticSteps
		if got, err := s.StepsPerEpoch(); err != nil || got != want {
			t.Errorf("%d critic steps: %d steps an epoch, %v, want %d", criticSteps, got, err, want)
		}
	}
}

// TestEvaluateWithoutClassifier: a run whose classifier is gone is evaluated all the same.
func TestEvaluateWithoutClassifier(t *testing.T) {
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	s := ganSettings()
	s.Engine, s.Width, s.Steps, s.BatchSize, s.CriticSteps, s.TrainExamples, s.EvalExamples, s.Generated = "go", 1, 1, 4, 1, 64, 20, 20
	s.Features = classifierRun(t)
	dir := filepath.Join(t.TempDir(), "gan")
	if _, err := Run(t.Context(), s, quiet(dir)); err != nil {
		t.Fatal(err)
	}
	for _, gone := range []bool{false, true} {
		if gone {
			if err := os.RemoveAll(s.Features); err != nil {
				t.Fatal(err)
			}
		}
		evals, err := Evaluate(t.Context(), Evaluation{Saved: bestOf(dir)}, quiet(""))
		if err != nil || len(evals) != 1 || (evals[0].GAN.Frechet == nil) != gone {
			t.Errorf("classifier gone %t: %+v, %v", gone, evals, err)
		}
	}
}
