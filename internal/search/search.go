package search

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/kafisto/kafisto/internal/grid"
	"github.com/kafisto/kafisto/internal/job"
	"github.com/kafisto/kafisto/internal/train"
)

// maxTrials is the largest search.
const maxTrials = 10_000

// Plan says what is searched.
type Plan struct {
	Base  job.Settings // of all trials, but for what is searched over and the seed
	Over  []string     // what is searched over, see ParseAxis
	Seeds []int64      // with which each trial is run, at least one
	// Trials is the number of settings that are drawn; 0 takes every combination
	// of lists instead.
	Trials int
	// Seed of the draws: trial k is the same however many trials there are.
	Seed int64
}

// Search is a plan with its trials.
type Search struct {
	Plan
	Space []Axis
	// Tried are the trials: a grid's with the last axis changing fastest, those of a
	// random search in the order of drawing, without those drawn before.
	Tried []Trial
}

// Trial is one setting of everything that is searched over.
type Trial struct {
	Number   int               // from 1; of a random search that of the draw
	Values   map[string]string // of the settings that are searched over
	Settings job.Settings      // with the first seed
}

// New puts together the trials. A plan one of whose trials, or the ends of whose
// ranges, cannot be is an error that names the values.
func New(p Plan) (*Search, error) {
	space, err := parseSpace(p.Over)
	if err != nil {
		return nil, err
	}
	if err := p.check(); err != nil {
		return nil, err
	}
	s := &Search{Plan: p, Space: space}
	combinations, err := s.combinations()
	if err != nil {
		return nil, err
	}
	seen := map[string]bool{}
	for i, values := range combinations {
		t := Trial{Number: i + 1, Values: values}
		if seen[s.Text(t)] {
			continue
		}
		seen[s.Text(t)] = true
		if t.Settings, err = s.settings(values); err != nil {
			return nil, err
		}
		if err := s.checkEnds(values); err != nil {
			return nil, err
		}
		s.Tried = append(s.Tried, t)
	}
	return s, nil
}

// check looks at the numbers of a plan.
func (p Plan) check() error {
	if p.Trials < 0 || p.Trials > maxTrials {
		return fmt.Errorf("search: there are %d trials: draw between 1 and %d, or leave --trials out for a grid", p.Trials, maxTrials)
	}
	if len(p.Seeds) == 0 {
		return errors.New("search: there are no seeds: give at least one, as --seeds 1,2,3")
	}
	for i, seed := range p.Seeds {
		if seed < 0 || slices.Contains(p.Seeds[:i], seed) {
			return fmt.Errorf("search: seed %d is negative or given twice: give seeds as 1,2,3", seed)
		}
	}
	return nil
}

// combinations are the values of all trials, in order.
func (s *Search) combinations() ([]map[string]string, error) {
	if s.Trials > 0 {
		return s.draws(), nil
	}
	all := []map[string]string{{}}
	for _, a := range s.Space {
		if a.isRange() {
			return nil, fmt.Errorf("search: %s has a range, of which a grid has no values: give a list, or draw settings with --trials N", a.Name)
		}
		var longer []map[string]string
		for _, values := range all {
			for _, value := range a.Values {
				more := maps.Clone(values)
				more[a.Name] = value
				longer = append(longer, more)
			}
		}
		if all = longer; len(all) > maxTrials {
			return nil, fmt.Errorf("search: the grid has more than %d combinations: give fewer values, or draw some with --trials N", maxTrials)
		}
	}
	return all, nil
}

// draws are the values of a random search.
func (s *Search) draws() []map[string]string {
	all := make([]map[string]string, s.Trials)
	for i := range all {
		all[i] = map[string]string{}
		for _, a := range s.Space {
			all[i][a.Name] = a.draw(s.Seed, i+1)
		}
	}
	return all
}

// settings are those of a trial, which can be.
func (s *Search) settings(values map[string]string) (job.Settings, error) {
	settings, err := s.Base.Set(values)
	settings.Seed = s.Seeds[0]
	if err == nil {
		err = settings.Check()
	}
	if err == nil && settings.IsGAN() && settings.Features == "" {
		err = errors.New("GANs are ranked by their Fréchet distance: name with --features the run of a classifier to measure it by")
	}
	if err != nil {
		return settings, fmt.Errorf("search: with %s: %w", s.text(values), err)
	}
	return settings, nil
}

// checkEnds puts the ends of every range in the place of a trial's value, so that
// no draw of a longer search is refused.
func (s *Search) checkEnds(values map[string]string) error {
	for _, a := range s.Space {
		for _, end := range a.ends() {
			other := maps.Clone(values)
			other[a.Name] = end
			if _, err := s.settings(other); err != nil {
				return err
			}
		}
	}
	return nil
}

// Names are the settings that are searched over.
func (s *Search) Names() []string { return names(s.Space) }

// Text is a trial's values: "learning-rate=0.1, clip-norm=1".
func (s *Search) Text(t Trial) string { return s.text(t.Values) }

func (s *Search) text(values map[string]string) string {
	var parts []string
	for _, a := range s.Space {
		parts = append(parts, a.Name+"="+values[a.Name])
	}
	return strings.Join(parts, ", ")
}

// run is a trial's run with a seed. Its folder's name does not depend on the
// length, where the run can be made longer, nor on the order of the axes.
func (s *Search) run(t Trial, seed int64) grid.Run {
	settings := t.Settings
	settings.Seed = seed
	var parts []string
	for _, a := range sorted(s.Space) {
		parts = append(parts, a.Name+"="+t.Values[a.Name])
	}
	identity := settings.Hash() + " " + strings.Join(parts, " ")
	name := []rune(strings.Join(parts, "-"))
	words := []string{string(name[:min(len(name), 100)]), fmt.Sprintf("seed%d", seed)}
	return grid.Run{Folder: grid.FolderName(words, identity), Group: s.Text(t), Settings: settings}
}

// Runs are all runs, first all of the first seed.
func (s *Search) Runs() []grid.Run {
	var runs []grid.Run
	for _, seed := range s.Seeds {
		for _, t := range s.Tried {
			runs = append(runs, s.run(t, seed))
		}
	}
	return runs
}

// FindData finds the trials' data set, and downloads it where it is missing in the
// cache folder.
func (s *Search) FindData(ctx context.Context, o grid.Options) error {
	err := grid.FindData(ctx, s.Base, o, true)
	if ctx.Err() != nil {
		return fmt.Errorf("search: %w before the first run", train.ErrStopped)
	}
	return err
}

// Run does what is left of the search, see grid.Do. The folder must be open.
func (s *Search) Run(ctx context.Context, o grid.Options) error { return grid.Do(ctx, s.Runs(), o) }
