package experiment

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/kafisto/kafisto/internal/data"
	"github.com/kafisto/kafisto/internal/job"
)

// StepTime measures how many seconds a training step of the settings takes.
type StepTime func(ctx context.Context, s job.Settings) (float64, error)

// Estimate tells how long what is left of each run will take, by the run's
// folder: steps times the seconds of one, and evaluations, for which an example is
// taken to cost a third of what it does in training. The seconds are the median
// of runs of the same network, example and batch size in the results; where there
// are none, measure is asked once. Runs without data are left out. What the machine does besides is not known.
func Estimate(ctx context.Context, results []Result, measure StepTime) (map[string]time.Duration, error) {
	perStep := map[string]float64{}
	for _, r := range results {
		for _, f := range r.Runs {
			if seconds, ok := f.medianStep(); ok {
				perStep[kind(f.Settings)] = seconds
			}
		}
	}
	left := map[string]time.Duration{}
	for _, r := range results {
		for _, f := range r.Runs {
			if _, known := left[f.Folder]; known || f.State.Done || f.NoData {
				continue
			}
			seconds, known := perStep[kind(f.Settings)]
			if !known {
				var err error
				if seconds, err = measure(ctx, f.Settings); err != nil {
					return nil, err
				}
				perStep[kind(f.Settings)] = seconds
			}
			share := float64(f.State.Steps-f.State.Step) / float64(max(f.State.Steps, 1))
			work := float64(f.State.Steps) + evaluationSteps(f.Settings, f.State.Steps)
			left[f.Folder] = time.Duration(share * work * seconds * float64(time.Second))
		}
	}
	return left, nil
}

// kind is what a step's time depends on.
func kind(s job.Settings) string {
	size := ""
	if info, err := data.Describe(s.Dataset); err == nil {
		size = fmt.Sprint(info.Height, info.Width, info.Channels, info.Vocabulary, s.Window, s.CriticSteps)
	}
	return fmt.Sprint(s.Model, " ", s.Width, " ", s.BatchSize, " ", size)
}

// evaluationSteps are the evaluations of a run in training steps.
func evaluationSteps(s job.Settings, steps int64) float64 {
	info, err := data.Describe(s.Dataset)
	if err != nil || s.BatchSize < 1 {
		return 0
	}
	examples, perStep := info.Test, s.BatchSize
	if s.IsLanguage() {
		examples, perStep = info.Validation+info.Test, s.BatchSize*s.Window
	}
	if s.EvalExamples > 0 {
		examples = s.EvalExamples
		if s.IsLanguage() {
			examples *= 2 // of each held-out text
		}
	}
	if s.IsGAN() {
		examples += s.Generated
	}
	every := s.EvalEvery
	if every == 0 {
		if every, err = s.StepsPerEpoch(); err != nil {
			return 0
		}
	}
	evaluations := (steps + max(every, 1) - 1) / max(every, 1)
	return float64(evaluations) * float64(examples) / float64(perStep) / 3
}

// medianStep is the median of the seconds of a run's steps, without the first,
// which compiles.
func (f Finished) medianStep() (float64, bool) {
	if f.State.Record == nil || len(f.State.Record.Log.Steps) < 3 {
		return 0, false
	}
	var seconds []float64
	for _, step := range f.State.Record.Log.Steps[1:] {
		seconds = append(seconds, step.Seconds)
	}
	slices.Sort(seconds)
	return seconds[len(seconds)/2], true
}
