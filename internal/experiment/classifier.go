package experiment

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"

	"github.com/kafisto/kafisto/internal/grid"
)

// classifier is the run of the declaration's classifier; nil where it has none.
func (d Declaration) classifier() (*Cell, error) {
	if d.Classifier == nil {
		return nil, nil
	}
	s, err := merged(d.Classifier)
	if err == nil && (s.IsGAN() || s.IsLanguage()) {
		err = fmt.Errorf("%s on %s classifies no images", s.Model, s.Dataset)
	}
	if err != nil {
		return nil, fmt.Errorf("experiment: %s, classifier: %w", d.Name, err)
	}
	s = s.Canonical()
	folder, err := folderName(s)
	return &Cell{Row: -1, Column: -1, Seed: s.Seed, Settings: s, Folder: folder}, err
}

// trainClassifiers does what is left of the classifiers whose features the grid's
// runs need, and tells the runs where they are.
func (g *Grid) trainClassifiers(ctx context.Context, o Options) error {
	var runs []grid.Run
	for i, d := range g.Declarations {
		c, err := d.classifier()
		if err != nil {
			return err
		}
		if c == nil || g.NoData(*c) {
			continue
		}
		if !slices.ContainsFunc(runs, func(r grid.Run) bool { return r.Folder == c.Folder }) {
			runs = append(runs, grid.Run{Folder: c.Folder, Group: "classifier", Settings: c.Settings})
		}
		path, err := filepath.Abs(filepath.Join(o.Dir, RunsFolder, c.Folder))
		if err != nil {
			return fmt.Errorf("experiment: %w", err)
		}
		for j := range g.cells[i] {
			if s := &g.cells[i][j].Settings; s.IsGAN() {
				s.Features = path
			}
		}
	}
	return grid.Do(ctx, runs, o)
}
