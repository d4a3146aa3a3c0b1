package experiment

import (
	"encoding/json"
	"fmt"

	"github.com/kafisto/kafisto/internal/grid"
)

const (
	// MarkFile tells a results folder from others.
	MarkFile = "experiment.json"
	// RunsFolder holds the run folders.
	RunsFolder = grid.RunsFolder
	// format is that of results folders; another one is refused.
	format = 1
)

// mark is what MarkFile says.
type mark struct {
	Format  int     `json:"format"`
	Profile Profile `json:"profile"`
}

// Open makes sure that dir is a results folder of the profile: it makes one where
// there is none or an empty folder. A folder of another profile or version, and
// one that holds something else, are errors.
func Open(dir string, profile Profile) error { return grid.Open(dir, newMark(dir, profile)) }

// CheckFolder is Open without making anything: where the folder is missing or
// empty the error satisfies errors.Is(err, fs.ErrNotExist).
func CheckFolder(dir string, profile Profile) error {
	return grid.CheckFolder(dir, newMark(dir, profile))
}

func newMark(dir string, profile Profile) grid.Mark {
	return grid.Mark{File: MarkFile, Content: mark{format, profile}, Check: func(text []byte) error {
		var m mark
		if json.Unmarshal(text, &m) != nil {
			return grid.ErrUnread
		}
		if m.Format != format {
			return fmt.Errorf("experiment: the results in %s have format %d, this program writes %d: use the program that made them, or choose another folder with --dir", dir, m.Format, format)
		}
		if m.Profile != profile {
			return fmt.Errorf("experiment: the results in %s are of the profile %q, not %q: choose another folder with --dir", dir, m.Profile, profile)
		}
		return nil
	}}
}
