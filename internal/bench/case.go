package bench

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/kafisto/kafisto/internal/engine"
)

// Case is one thing to measure.
type Case struct {
	// Name is a path: "resnet18", or "conv/64-64@32/forward" in the group "conv".
	Name string
	// About says in a few words what is measured.
	About string
	// Unit is what the items of items per second are.
	Unit string
	// Batch is the minibatch's size where none is asked for; 0 where the case has none.
	Batch int

	measure measureFunc
}

// measureFunc carries out one round of a case.
type measureFunc func(ctx context.Context, e *engine.Engine, o Options) (Measurement, error)

// Cases returns all cases, group by group.
func Cases() []Case {
	return slices.Concat(stepCases(), blockCases(), convCases(), optimizerCases(), []Case{filterCost, pipeline}, compileCases(), machineCases())
}

// Select returns the cases that are named, in that order: each name is a case's
// or a group's. No name, an unknown one, and one that was there already are
// errors.
func Select(names []string) ([]Case, error) {
	if len(names) == 0 {
		return nil, fmt.Errorf("bench: no case is named: give at least one of %s", strings.Join(groups(), ", "))
	}
	var selected []Case
	for _, name := range names {
		found := false
		for _, c := range Cases() {
			if c.Name != name && !strings.HasPrefix(c.Name, name+"/") {
				continue
			}
			found = true
			if slices.ContainsFunc(selected, func(s Case) bool { return s.Name == c.Name }) {
				return nil, fmt.Errorf("bench: case %q is named twice: name it once", c.Name)
			}
			selected = append(selected, c)
		}
		if !found {
			return nil, fmt.Errorf("bench: no case is named %q: give one of %s, or one of their parts (see --list)", name, strings.Join(groups(), ", "))
		}
	}
	return selected, nil
}

// groups are the first parts of the cases' names.
func groups() []string {
	var names []string
	for _, c := range Cases() {
		name, _, _ := strings.Cut(c.Name, "/")
		if !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return names
}
