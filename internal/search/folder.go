package search

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/kafisto/kafisto/internal/grid"
	"github.com/kafisto/kafisto/internal/job"
)

const (
	// MarkFile says what a folder's search is of.
	MarkFile = "space.json"
	// format is that of search folders; another one is refused.
	format = 1
)

// mark is what MarkFile says.
type mark struct {
	Format     int            `json:"format"`
	Base       map[string]any `json:"base"`  // settings that decide the results of all trials
	Space      []Axis         `json:"space"` // by name
	Trials     int            `json:"trials,omitempty"`
	SearchSeed int64          `json:"search_seed,omitempty"` // of a random search
	Seeds      []int64        `json:"seeds"`
}

// ErrGrown tells of a folder whose search is the one asked for, but grown.
var ErrGrown = errors.New("it has grown")

// grownError is ErrGrown, in the words for another search.
type grownError struct{ error }

func (grownError) Is(target error) bool { return target == ErrGrown }

// Open makes sure that dir is the search's results folder: it makes one where there
// is none or an empty folder, and where there is one that has less of this search,
// notes how it grows. A folder of another search, and one that holds something
// else, are errors; one that has more of this search is an ErrGrown.
func (s *Search) Open(dir string) error {
	err := grid.Open(dir, s.mark(dir))
	if err != nil {
		return fmt.Errorf("search: %w", err)
	}
	return nil
}

// CheckFolder is Open without changing anything: where the folder is missing or
// empty the error satisfies errors.Is(err, fs.ErrNotExist).
func (s *Search) CheckFolder(dir string) error {
	if err := grid.CheckFolder(dir, s.mark(dir)); err != nil {
		return fmt.Errorf("search: %w", err)
	}
	return nil
}

func (s *Search) mark(dir string) grid.Mark {
	own := mark{Format: format, Base: s.base(), Space: sorted(s.Space), Trials: s.Trials, Seeds: s.Seeds}
	if s.Trials > 0 {
		own.SearchSeed = s.Seed
	}
	return grid.Mark{File: MarkFile, Content: own, Check: func(text []byte) error {
		var held mark
		decoder := json.NewDecoder(bytes.NewReader(text))
		decoder.UseNumber()
		if decoder.Decode(&held) != nil {
			return grid.ErrUnread
		}
		if held.Format != format {
			return fmt.Errorf("the search in %s has format %d, this program writes %d: use the program that made it, or choose another folder with --dir", dir, held.Format, format)
		}
		difference, err := held.difference(own)
		if err != nil {
			return grid.ErrUnread
		}
		if difference == "" {
			return nil
		}
		difference = strings.Join(strings.Fields(difference), " ") // one line, whatever the mark says
		err = fmt.Errorf("%s holds another search (%.500s): give the same command again, with more trials, values, seeds or epochs at most, or choose another folder with --dir", dir, difference)
		if more, unread := own.difference(held); unread == nil && more == "" {
			return grownError{err}
		}
		return err
	}}
}

// base are the settings that decide the results of all trials.
func (s *Search) base() map[string]any {
	base := s.Base.Map()
	maps.DeleteFunc(base, func(name string, _ any) bool {
		return slices.Contains(varying, name) || slices.ContainsFunc(s.Space, func(a Axis) bool { return a.Name == name })
	})
	return base
}

// settings are those of base, with defaults for what is searched over.
func (m mark) settings() (job.Settings, error) {
	text, err := json.Marshal(m.Base)
	if err != nil {
		return job.Settings{}, err
	}
	return job.Defaults().Merge(bytes.NewReader(text))
}

// difference says in what another search than the one that the mark tells of was
// asked for; "" where that one is the same or has grown.
func (m mark) difference(asked mark) (string, error) {
	before, err := m.settings()
	if err != nil {
		return "", err
	}
	now, err := asked.settings()
	if err != nil {
		return "", err
	}
	if d := m.otherSpace(asked); d != "" {
		return d, nil
	}
	if d := job.Obstacle(before, now); d != "" {
		return d, nil
	}
	was, is, err := lengths(before, now)
	if err != nil {
		return "", err
	}
	switch {
	case is < was:
		return fmt.Sprintf("of %d steps a run, now %d", was, is), nil
	case asked.Trials < m.Trials:
		return fmt.Sprintf("of %d trials, now %d", m.Trials, asked.Trials), nil
	case !contains(asked.Seeds, m.Seeds):
		return fmt.Sprintf("with seeds %v, now %v", m.Seeds, asked.Seeds), nil
	}
	return "", nil
}

// lengths are the steps of a run under each of the settings.
func lengths(before, now job.Settings) (was, is int64, err error) {
	if before.BatchSize < 1 {
		return 0, 0, errors.New("search: batch-size is not positive")
	}
	if was, err = before.Length(); err == nil {
		is, err = now.Length()
	}
	return was, is, err
}

// otherSpace says how a space differs, but for values that a grid has in addition.
func (m mark) otherSpace(asked mark) string {
	random := m.Trials > 0
	switch {
	case random && asked.Trials == 0:
		return "a random one, with --trials"
	case !random && asked.Trials > 0:
		return "a grid, without --trials"
	case random && m.SearchSeed != asked.SearchSeed:
		return fmt.Sprintf("of search seed %d, now %d", m.SearchSeed, asked.SearchSeed)
	}
	if was, is := names(m.Space), names(asked.Space); !slices.Equal(was, is) {
		return fmt.Sprintf("over %v, now %v", was, is)
	}
	for i, was := range m.Space {
		is := asked.Space[i]
		same := slices.Equal(was.Values, is.Values)
		if !random {
			same = contains(is.Values, was.Values)
		}
		if !same || was.Low != is.Low || was.High != is.High || was.Log != is.Log {
			return fmt.Sprintf("over %s=%s, now %s", was.Name, was.text(), is.text())
		}
	}
	return ""
}

// contains tells whether all has each of some.
func contains[T comparable](all, some []T) bool {
	return !slices.ContainsFunc(some, func(v T) bool { return !slices.Contains(all, v) })
}
