package cli

import (
	"errors"
	"fmt"
	"io/fs"

	"github.com/kafisto/kafisto/internal/experiment"
)

// dryRun lists the runs of the grid and says how far they are.
func (s *session) dryRun(grid *experiment.Grid, o experiment.Options) error {
	if err := experiment.CheckFolder(o.Dir, grid.Profile); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	results, err := grid.Results(o.Dir)
	if err != nil {
		return err
	}
	for _, r := range results {
		s.line("%s (%s)", r.Declaration.Title, r.Profile)
		for _, f := range r.Runs {
			s.line("  row %d, column %d, seed %d: %s", f.Row+1, f.Column+1, f.Seed, fmt.Sprint(f.Folder))
		}
	}
	return nil
}
