package inception

import (
	"context"
	"fmt"

	"github.com/gomlx/gomlx/core/tensors"

	"github.com/kafisto/kafisto/internal/data"
	"github.com/kafisto/kafisto/internal/fid"
)

// Statistics are the mean and the covariance of the features of images, at least 2, which are computed
// in batches of that many, at least 1. The size of a batch changes nothing but rounding, and how much
// memory is taken. After each batch progress, unless it is nil, is told how many images are done.
// Cancelling the context is an error that wraps the context's.
func (n *Network) Statistics(ctx context.Context, images *data.Images, batch int, progress func(done, total int)) (*fid.Statistics, error) {
	if batch < 1 {
		return nil, fmt.Errorf("inception: batches of %d images: they need at least 1", batch)
	}
	total, size := images.Len(), images.PixelsPerImage()
	batch = min(batch, max(total, 1))
	moments := fid.NewMoments(Features)
	values := make([]float32, batch*size) // the last batch is as large as all, so that nothing is compiled for it
	for start := 0; start < total; start += batch {
		if err := ctx.Err(); err != nil {
			return nil, fmt.Errorf("inception: stopped after %d of %d images: %w", start, total, err)
		}
		count := min(batch, total-start)
		for i, pixel := range images.Pixels[start*size : (start+count)*size] {
			values[i] = float32(pixel) / 255
		}
		features, err := n.Features(tensors.FromFlatDataAndDimensions(values, batch, images.Height, images.Width, images.Channels))
		if err != nil {
			return nil, err
		}
		if err := moments.Add(features[:count*Features]); err != nil {
			return nil, err
		}
		if progress != nil {
			progress(start+count, total)
		}
	}
	return moments.Statistics(n.source)
}
