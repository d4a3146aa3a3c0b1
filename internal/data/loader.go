package data

import (
	"fmt"
	"math"
	"sync"
)

// LoaderConfig says how a Loader makes batches. NewLoader checks it.
type LoaderConfig struct {
	// BatchSize is the number of examples in a batch, at least 1 and, with
	// DropLast, at most the size of the set.
	BatchSize int
	// Seed of the order and the augmentation. Any value, 0 included, is a seed.
	Seed uint64
	// Shuffle visits the examples in the order that Order gives for the epoch;
	// otherwise in the order of the set.
	Shuffle bool
	// DropLast leaves out the examples of an epoch that do not fill a batch;
	// otherwise the last batch is shorter.
	DropLast bool
	// Augment changes the images; the zero value does not.
	Augment Augmentation
	// Mean and Std normalise: (pixel - mean) / std, in pixel values from 0 to
	// 255, one value a channel; Std must be positive. Info.Mean and Info.Std
	// are those of a data set.
	Mean, Std []float32
}

// Batch is some examples of one epoch. Batch and ReadAhead fill and reuse its
// slices.
type Batch struct {
	// Pixels has shape [Size, Height, Width, Channels], normalised.
	Pixels []float32
	// Labels and Indices have shape [Size]; Indices are places in the set.
	Labels, Indices []int32
	// Size is the number of examples.
	Size int
	// Epoch and Step say which batch this is: step Step of epoch Epoch, both from 0.
	Epoch, Step int
}

// Loader makes the batches of a set. A batch is a pure function of the set, the
// configuration, the epoch and the step. Methods may be called at the same time.
type Loader struct {
	images *Images
	config LoaderConfig
	table  normaliser

	mutex sync.Mutex
	epoch int     // of order
	order []int32 // nil before the first batch; never changed once made
}

// NewLoader checks the set and the configuration.
func NewLoader(images *Images, config LoaderConfig) (*Loader, error) {
	if images == nil {
		return nil, fmt.Errorf("data: a loader needs a data set, got none")
	}
	if err := images.Validate(); err != nil {
		return nil, err
	}
	if images.Len() > math.MaxInt32 {
		return nil, fmt.Errorf("data: %s: %d examples are more than a loader can number (%d): take a subset", images.Name, images.Len(), math.MaxInt32)
	}
	if err := config.check(images); err != nil {
		return nil, err
	}
	return &Loader{images: images, config: config, table: newNormaliser(config.Mean, config.Std)}, nil
}

// check reports the first setting that does not fit the set.
func (config LoaderConfig) check(images *Images) error {
	if config.BatchSize < 1 {
		return fmt.Errorf("data: batch size %d: give at least 1", config.BatchSize)
	}
	if config.DropLast && config.BatchSize > images.Len() {
		return fmt.Errorf("data: %s: batch size %d is more than the %d examples, and incomplete batches are left out: give a smaller batch size", images.Name, config.BatchSize, images.Len())
	}
	if pad := config.Augment.Pad; pad < 0 || pad > min(images.Height, images.Width) {
		return fmt.Errorf("data: padding of %d pixels: give 0 to %d, the image's smaller side", pad, min(images.Height, images.Width))
	}
	if len(config.Mean) != images.Channels || len(config.Std) != images.Channels {
		return fmt.Errorf("data: %d means and %d standard deviations for images of %d channels: give one of each a channel", len(config.Mean), len(config.Std), images.Channels)
	}
	for c := range config.Mean {
		mean, std := float64(config.Mean[c]), float64(config.Std[c])
		if math.IsNaN(mean) || math.IsInf(mean, 0) || !(std > 0) || math.IsInf(std, 0) {
			return fmt.Errorf("data: channel %d has mean %v and standard deviation %v: give a finite mean and a positive, finite deviation", c, mean, std)
		}
	}
	return nil
}

// Images is the set that the loader reads.
func (l *Loader) Images() *Images { return l.images }

// Steps is the number of batches in an epoch, at least 1.
func (l *Loader) Steps() int {
	n, size := l.images.Len(), l.config.BatchSize
	if l.config.DropLast {
		return n / size
	}
	return (n-1)/size + 1
}

// Batch fills into with the batch of a step of an epoch, both from 0. It
// allocates only where the slices of into are too small.
func (l *Loader) Batch(epoch, step int, into *Batch) error {
	if epoch < 0 || step < 0 || step >= l.Steps() {
		return fmt.Errorf("data: %s: no step %d of epoch %d: epochs count from 0 and have steps 0 to %d", l.images.Name, step, epoch, l.Steps()-1)
	}
	from := step * l.config.BatchSize
	size := min(l.config.BatchSize, l.images.Len()-from)
	pixels := l.images.PixelsPerImage()

	into.Size, into.Epoch, into.Step = size, epoch, step
	into.Pixels = resize(into.Pixels, size*pixels)
	into.Labels = resize(into.Labels, size)
	into.Indices = resize(into.Indices, size)
	l.indices(into.Indices, epoch, from)
	for i, index := range into.Indices {
		into.Labels[i] = l.images.Labels[index]
		drawn := l.config.Augment.draw(l.config.Seed, epoch, int(index))
		l.table.render(into.Pixels[i*pixels:(i+1)*pixels], l.images.Image(int(index)), l.images.Height, l.images.Width, drawn)
	}
	return nil
}

// indices fills out with the examples that epoch visits from place from on.
func (l *Loader) indices(out []int32, epoch, from int) {
	if !l.config.Shuffle {
		for i := range out {
			out[i] = int32(from + i)
		}
		return
	}
	l.mutex.Lock()
	if l.order == nil || l.epoch != epoch {
		l.epoch, l.order = epoch, Order(l.config.Seed, epoch, l.images.Len())
	}
	order := l.order
	l.mutex.Unlock()
	copy(out, order[from:])
}

// resize returns a slice of length n, in the same memory where it suffices.
func resize[T any](s []T, n int) []T {
	if cap(s) < n {
		return make([]T, n)
	}
	return s[:n]
}
