package experiment

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"

	"github.com/kafisto/kafisto/internal/grid"
	"github.com/kafisto/kafisto/internal/job"
)

// measureFID computes the FID of the finished runs that lack it, of the declarations
// that show it. Where that cannot be, such as without the weights, it says why and
// leaves it out. A scaled-down grid has none: 50,000 images by Inception-v3 take
// hours without a GPU.
func (g *Grid) measureFID(ctx context.Context, o Options) error {
	if g.Profile != Full {
		return nil
	}
	results, err := g.Results(o.Dir)
	if err != nil {
		return err
	}
	for _, r := range results {
		if !slices.Contains(r.Declaration.Measures, "fid") {
			continue
		}
		for _, f := range r.Runs {
			if _, known := fid(f); known || !f.State.Done || f.State.Diverged || !f.Settings.IsGAN() {
				continue
			}
			if err := f.measureFID(ctx, o); ctx.Err() != nil {
				return err
			} else if err != nil {
				o.Message(fmt.Sprintf("no FID: %v", err))
				return nil
			}
		}
	}
	return nil
}

// measureFID computes the run's FID, by the reference protocol.
func (f Finished) measureFID(ctx context.Context, o Options) error {
	options := o.Job("FID of " + f.Folder)
	_, err := job.Compare(ctx, job.Comparison{
		Saved:   job.Saved{Dir: filepath.Join(o.Dir, grid.RunsFolder, f.Folder), Checkpoint: job.NewestCheckpoint, Engine: o.Engine, DataDir: o.DataDir},
		Samples: job.ReferenceSamples, Seed: uint64(f.Seed),
	}, options)
	return err
}
