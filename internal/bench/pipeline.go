package bench

import (
	"bytes"
	"context"
	"math/rand/v2"

	"github.com/kafisto/kafisto/internal/data"
	"github.com/kafisto/kafisto/internal/engine"
	"github.com/kafisto/kafisto/internal/task"
)

// pipeline is the input of a CIFAR-10 run by itself: order, augmentation,
// normalisation, reading ahead and tensors, as the training loop takes them.
var pipeline = Case{
	Name: "data", Unit: "images", Batch: 128,
	About:   "CIFAR-10 pipeline alone, random crops and flips, a step being 64 batches",
	measure: timed(preparePipeline),
}

// Sizes of the data case. A step is many batches, so that those which were read
// ahead do not count much; the made-up set is larger than the caches.
const (
	batchesPerStep = 64
	madeUpImages   = 10_000
)

func preparePipeline(ctx context.Context, _ *engine.Engine, o Options) (*work, error) {
	info, err := data.Describe("cifar10")
	if err != nil {
		return nil, err
	}
	images, err := cifarImages(info, o)
	if err != nil {
		return nil, err
	}
	loader, err := data.NewLoader(images, data.LoaderConfig{
		BatchSize: o.Batch, Seed: seed, Shuffle: true, DropLast: true, Mean: info.Mean, Std: info.Std,
		Augment: data.Augmentation{Pad: 4, Flip: true},
	})
	if err != nil {
		return nil, err
	}
	stream, err := task.Open(ctx, loader, 0)
	if err != nil {
		return nil, err
	}
	step := func() error {
		for range batchesPerStep {
			batch, err := stream.Next()
			if err != nil {
				return err
			}
			for _, t := range append(batch.Inputs, batch.Labels...) {
				_ = t.FinalizeAll() // not used again
			}
		}
		return nil
	}
	return &work{step: step, items: float64(batchesPerStep * o.Batch), close: stream.Close}, nil
}

// cifarImages are CIFAR-10's training images from the data folder, or made-up
// ones in the same format.
func cifarImages(info data.Info, o Options) (*data.Images, error) {
	if o.DataDir != "" {
		images, _, err := data.Load(info.Name, o.DataDir)
		return images, err
	}
	n := max(madeUpImages, o.Batch)
	pixels, labels, err := data.ReadCIFAR10(bytes.NewReader(madeUpCIFAR(n, info)), "made-up images", n)
	if err != nil {
		return nil, err
	}
	return &data.Images{
		Name: info.Name, Height: info.Height, Width: info.Width, Channels: info.Channels,
		Classes: info.Classes, ClassNames: info.ClassNames, Pixels: pixels, Labels: labels,
	}, nil
}

// madeUpCIFAR is a file of n random images in CIFAR-10's binary format: a label
// and the pixels.
func madeUpCIFAR(n int, info data.Info) []byte {
	record := 1 + info.Height*info.Width*info.Channels
	file := make([]byte, n*record)
	source := rand.NewPCG(seed, seed)
	var bits uint64
	for i := range file {
		if i%8 == 0 {
			bits = source.Uint64()
		}
		file[i] = byte(bits >> (8 * (i % 8)))
		if i%record == 0 {
			file[i] %= byte(info.Classes)
		}
	}
	return file
}
