package schedule

import (
	"fmt"
	"math"
	"slices"
	"strings"
)

// paperSchedule is one of the paper's: multiplied by factor at these epochs of
// so many.
type paperSchedule struct {
	name   string
	epochs int64
	factor float64
	at     []int64
}

// paperSchedules are those of section 5.1, "CIFAR-10/100" and "ImageNet"; the
// first is also that of the ablations (section 4).
var paperSchedules = []paperSchedule{
	{"paper-100", 100, 0.1, []int64{30, 60, 90}},
	{"paper-200-cifar10", 200, 0.1, []int64{150}},
	{"paper-200-cifar100", 200, 0.2, []int64{60, 120, 160}},
}

// PaperNames lists the schedules that Paper knows.
func PaperNames() []string {
	var names []string
	for _, p := range paperSchedules {
		names = append(names, p.name)
	}
	return names
}

// PaperEpochs returns how many epochs the paper trains with a schedule.
func PaperEpochs(name string) (int64, error) {
	p, err := paperNamed(name)
	return p.epochs, err
}

// Paper returns one of the paper's learning rate schedules (section 5.1), for a
// run of so many steps:
//
//   - paper-100: multiplied by 0.1 at epochs 30, 60 and 90 of 100, in the 100-epoch
//     runs on CIFAR and ImageNet, and in the ablations (section 4).
//   - paper-200-cifar10: multiplied by 0.1 at epoch 150 of 200.
//   - paper-200-cifar100: multiplied by 0.2 at epochs 60, 120 and 160 of 200.
//
// With steps = PaperEpochs(name) * stepsPerEpoch the boundaries are the paper's.
// Those of another length are in proportion, rounded to whole steps (halves up):
// 5 epochs of paper-100 have them at 1.5, 3 and 4.5 epochs. The paper's initial
// learning rates are 1 for KaFiStO, 0.1 for SGD and 0.0003 for Adam.
func Paper(name string, initial float64, steps int64) (Schedule, error) {
	p, err := paperNamed(name)
	if err != nil {
		return nil, err
	}
	if !(initial >= 0) || math.IsInf(initial, 1) { // NaN fails too
		return nil, fmt.Errorf("schedule: %s starts at %g: a learning rate must be finite and at least 0", name, initial)
	}
	if steps < 1 {
		return nil, fmt.Errorf("schedule: %s has a length of %d steps: it must be at least 1", name, steps)
	}
	var boundaries []int64
	for i, epoch := range p.at {
		// steps*epoch/p.epochs, rounded, without overflow
		b := steps/p.epochs*epoch + (steps%p.epochs*epoch*2+p.epochs)/(2*p.epochs)
		if b < 1 || i > 0 && b == boundaries[i-1] {
			return nil, fmt.Errorf("schedule: %s cannot be decreased %d times in %d steps: make it longer", name, len(p.at), steps)
		}
		boundaries = append(boundaries, b)
	}
	return Milestones(initial, p.factor, boundaries...)
}

func paperNamed(name string) (paperSchedule, error) {
	i := slices.IndexFunc(paperSchedules, func(p paperSchedule) bool { return p.name == name })
	if i < 0 {
		return paperSchedule{}, fmt.Errorf("schedule: unknown schedule %q: use one of %s", name, strings.Join(PaperNames(), ", "))
	}
	return paperSchedules[i], nil
}
