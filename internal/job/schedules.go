package job

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/kafisto/kafisto"
	"github.com/kafisto/kafisto/schedule"
)

// What a schedule may drive.
const (
	onLearningRate = "learning-rate"
	onEpsilon      = "epsilon"
)

// ScheduleNames lists the schedules that settings may name.
func ScheduleNames() []string {
	return append([]string{"constant", "step", "cosine"}, schedule.PaperNames()...)
}

// scheduleFollowsLength tells whether the schedule depends on the run's length,
// which then has to stay when the run is resumed.
func (s Settings) scheduleFollowsLength() bool {
	return s.Schedule == "cosine" && s.ScheduleEpochs == 0
}

// checkSchedule returns an error that names the first setting of the schedule
// that cannot be.
func (s Settings) checkSchedule() error {
	if !slices.Contains(ScheduleNames(), s.Schedule) {
		return fmt.Errorf("settings: unknown schedule %q: use one of %s", s.Schedule, strings.Join(ScheduleNames(), ", "))
	}
	for _, most := range []struct {
		name       string
		value, max float64
	}{
		{"learning-rate", s.initialRate(), math.MaxFloat64}, {"schedule-factor", s.ScheduleFactor, maxCount},
		{"schedule-every", s.ScheduleEvery, maxCount}, {"schedule-epochs", s.ScheduleEpochs, maxCount}, {"warm-up", s.WarmUp, maxCount},
	} {
		if most.value < 0 || most.value > most.max {
			return fmt.Errorf("settings: %s is %g: it must be between 0 and %.3g", most.name, most.value, most.max)
		}
	}
	if s.Schedule == "step" && s.ScheduleEvery == 0 {
		return errors.New("settings: schedule-every is 0: a step schedule needs epochs between its decreases")
	}
	return s.checkScheduleOn()
}

// checkScheduleOn refuses what epsilon cannot go with: section 3.4 of the paper
// defines it for KaFiStO, and it is the target itself.
func (s Settings) checkScheduleOn() error {
	if s.ScheduleOn != onLearningRate && s.ScheduleOn != onEpsilon {
		return fmt.Errorf("settings: unknown schedule-on %q: use %s or %s", s.ScheduleOn, onLearningRate, onEpsilon)
	}
	if s.ScheduleOn == onLearningRate {
		return nil
	}
	if s.Optimizer != "kafisto" {
		return fmt.Errorf("settings: schedule-on is %s, which %s does not have: use %s, or the optimizer kafisto", onEpsilon, s.Optimizer, onLearningRate)
	}
	if target, err := parseTarget(s.Target); err != nil || target != (kafisto.Target{}) {
		return fmt.Errorf("settings: schedule-on is %s, which sets the target, but target is %q: leave target at 0, or use %s", onEpsilon, s.Target, onLearningRate)
	}
	return nil
}

// newSchedule builds the settings' schedule, which starts at initial, for a run
// of so many steps. Lengths in epochs are rounded to whole steps, at least 1.
func newSchedule(s Settings, initial float64, stepsPerEpoch, steps int64) (schedule.Schedule, error) {
	inSteps := func(epochs float64) int64 {
		return max(int64(math.Round(epochs*float64(stepsPerEpoch))), 1)
	}
	made, err := newInnerSchedule(s, initial, inSteps, steps)
	if err == nil && s.WarmUp > 0 {
		made, err = schedule.WarmUp(made, inSteps(s.WarmUp))
	}
	return made, err
}

// newInnerSchedule builds the schedule without its warm-up.
func newInnerSchedule(s Settings, initial float64, inSteps func(epochs float64) int64, steps int64) (made schedule.Schedule, err error) {
	switch s.Schedule {
	case "constant":
		return schedule.Constant(initial), nil
	case "step":
		made, err = schedule.StepDecay(initial, s.ScheduleFactor, inSteps(s.ScheduleEvery), steps)
		if err != nil {
			err = fmt.Errorf("settings: schedule-every is %g and schedule-factor %g: %w", s.ScheduleEvery, s.ScheduleFactor, err)
		}
		return made, err
	}
	if s.ScheduleEpochs > 0 {
		steps = inSteps(s.ScheduleEpochs)
	} else if s.Schedule != "cosine" {
		own, err := schedule.PaperEpochs(s.Schedule)
		if err != nil {
			return nil, fmt.Errorf("settings: %w", err)
		}
		steps = inSteps(float64(own))
	}
	if s.Schedule == "cosine" {
		made, err = schedule.Cosine(initial, 0, steps)
	} else {
		made, err = schedule.Paper(s.Schedule, initial, steps)
	}
	if err != nil {
		err = fmt.Errorf("settings: schedule-epochs is %g: %w", s.ScheduleEpochs, err)
	}
	return made, err
}
