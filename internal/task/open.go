package task

import (
	"context"

	"github.com/kafisto/kafisto/internal/data"
	"github.com/kafisto/kafisto/internal/train"
)

// Open returns the endless stream of a loader's batches that a training run
// reads, from a step, counted from 0.
func Open(ctx context.Context, loader *data.Loader, fromStep int64) (train.Stream, error) {
	return open(ctx, loader, fromStep, -1)
}
