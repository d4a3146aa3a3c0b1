package fid

import (
	"context"
	"fmt"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"

	"github.com/kafisto/kafisto/internal/data"
)

// Network makes feature vectors of images, with weights that do not change. Create it with [NewNetwork],
// or with a function of the packages inception and classifier. It is for one goroutine.
type Network struct {
	store  *model.Store
	exec   *model.Exec
	figure string
	source string
}

// NewNetwork prepares a network on a backend, which must outlive it. Its variables are in the store, which
// then belongs to the network. The function features builds it: of images, float32 [batch, height, width,
// channels] with numbers from 0 to 1, it makes float32 [batch, features].
//
// Figure is what a distance between statistics of its features is called, source what made them, see
// [Statistics]. Call Close when done.
func NewNetwork(backend compute.Backend, store *model.Store, features func(scope *model.Scope, images *graph.Node) *graph.Node, figure, source string) (*Network, error) {
	exec, err := model.NewExec(backend, store, features)
	if err != nil {
		store.Finalize()
		return nil, fmt.Errorf("fid: %s: %w", source, err)
	}
	return &Network{store: store, exec: exec.WithName("features"), figure: figure, source: source}, nil
}

// Figure is the exact name of a [Distance] between statistics of the network's features.
func (n *Network) Figure() string { return n.figure }

// Source names the network with its weights, as the source of statistics of its features.
func (n *Network) Source() string { return n.source }

// Close frees the network's memory. It must not be used any more.
func (n *Network) Close() {
	n.exec.Finalize()
	n.store.Finalize()
}

// Features are those of a batch of images, float32 [batch, height, width, channels] with numbers from 0
// to 1: [batch, features], row by row. Each size of batch or image is compiled once. Images that the
// network does not take are an error.
func (n *Network) Features(images *tensors.Tensor) ([]float32, error) {
	if images.DType() != dtypes.Float32 {
		return nil, fmt.Errorf("fid: images are %s, want float32 numbers from 0 to 1", images.DType())
	}
	result, err := n.exec.Call1(images)
	if err != nil {
		return nil, fmt.Errorf("fid: %s: %w", n.source, err)
	}
	defer result.FinalizeAll() //nolint:errcheck // it was read
	return tensors.CopyFlatData[float32](result)
}

// Statistics are the mean and the covariance of the features of images, at least 2, which are computed
// in batches of that many, at least 1. The size of a batch changes nothing but rounding, and how much
// memory is taken. After each batch progress, unless it is nil, is told how many images are done.
// Cancelling the context is an error that wraps the context's.
func (n *Network) Statistics(ctx context.Context, images *data.Images, batch int, progress func(done, total int)) (*Statistics, error) {
	total, size := images.Len(), images.PixelsPerImage()
	if batch < 1 || total < 2 {
		return nil, fmt.Errorf("fid: %d images in batches of %d: statistics need at least 2 images, and batches at least 1", total, batch)
	}
	batch = min(batch, total)
	var moments *Moments
	values := make([]float32, batch*size) // the last batch is as large as all, so that nothing is compiled for it
	for start := 0; start < total; start += batch {
		if err := ctx.Err(); err != nil {
			return nil, fmt.Errorf("fid: stopped after %d of %d images: %w", start, total, err)
		}
		count := min(batch, total-start)
		for i, pixel := range images.Pixels[start*size : (start+count)*size] {
			values[i] = float32(pixel) / 255
		}
		input := tensors.FromFlatDataAndDimensions(values, batch, images.Height, images.Width, images.Channels)
		features, err := n.Features(input)
		_ = input.FinalizeAll() // it is not used again
		if err != nil {
			return nil, err
		}
		if moments == nil {
			moments = NewMoments(len(features) / batch)
		}
		if err := moments.Add(features[:count*(len(features)/batch)]); err != nil {
			return nil, err
		}
		if progress != nil {
			progress(start+count, total)
		}
	}
	return moments.Statistics(n.source)
}
