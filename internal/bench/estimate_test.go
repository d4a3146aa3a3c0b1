package bench

import (
	"testing"

	"github.com/kafisto/kafisto/internal/engine"
	"github.com/kafisto/kafisto/internal/engine/enginetest"
	"github.com/kafisto/kafisto/internal/job"
)

// TestStepSeconds measures a step of both kinds of tasks.
func TestStepSeconds(t *testing.T) {
	e := &engine.Engine{Name: "go", Backend: enginetest.Backend(t, engine.Go)}
	images, texts := job.Defaults(), job.Defaults()
	images.BatchSize, images.Width = 2, 2
	texts.Dataset, texts.Model, texts.Width, texts.BatchSize, texts.Window, texts.Optimizer = "shakespeare", "tiny-lstm", 4, 2, 3, "sgd"
	for _, s := range []job.Settings{images, texts} {
		if err := s.Check(); err != nil {
			t.Fatal(err)
		}
		seconds, err := StepSeconds(t.Context(), e, s)
		if err != nil || seconds <= 0 {
			t.Errorf("%s: %g seconds, error %v", s.Model, seconds, err)
		}
	}
	texts.Width = -1
	if _, err := StepSeconds(t.Context(), e, texts); err == nil {
		t.Error("no error for a width of -1")
	}
}
