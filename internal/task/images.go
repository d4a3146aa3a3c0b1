// Package task puts together what is trained: data, model, loss and metrics.
package task

import (
	"context"
	"fmt"
	"io"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"

	"github.com/kafisto/kafisto"
	"github.com/kafisto/kafisto/internal/data"
	"github.com/kafisto/kafisto/internal/train"
	"github.com/kafisto/kafisto/models"
	"github.com/kafisto/kafisto/nn"
)

// Images describes an image classification task.
type Images struct {
	Dataset       string         // as data.Names lists them
	Folder        string         // where the data set's files are; unused for embedded ones
	Model         string         // as models.Names lists them
	Width         int            // channels of the network's first stage; 0 is the network's own
	Initializer   nn.Initializer // of the network; nil is the network's own
	BatchSize     int            // training batch, at least 1; incomplete batches of an epoch are dropped
	Seed          uint64         // of order and augmentation
	Augment       bool           // random crops with 4 pixels of padding and horizontal flips, the paper's
	TrainExamples int            // the first so many training images; 0 means all
	EvalExamples  int            // the first so many held-out images; 0 means all
}

const (
	evalBatch = 250 // divides the held-out sets, so that one graph serves all batches
	readAhead = 4   // batches prepared while the engine computes
)

// Problem loads the data and returns the task.
func (im Images) Problem() (train.Problem, error) {
	fail := func(err error) (train.Problem, error) { return train.Problem{}, err }
	info, err := data.Describe(im.Dataset)
	if err != nil {
		return fail(err)
	}
	network, err := models.ByName(im.Model, models.Config{Classes: info.Classes, Width: im.Width, Initializer: im.Initializer})
	if err != nil {
		return fail(err)
	}
	training, validation, err := data.Load(im.Dataset, im.Folder)
	if err != nil {
		return fail(err)
	}
	if training, err = first(training, im.TrainExamples, "training"); err != nil {
		return fail(err)
	}
	if validation, err = first(validation, im.EvalExamples, "held-out"); err != nil {
		return fail(err)
	}
	config := data.LoaderConfig{BatchSize: im.BatchSize, Seed: im.Seed, Shuffle: true, DropLast: true, Mean: info.Mean, Std: info.Std}
	if im.Augment {
		config.Augment = data.Augmentation{Pad: 4, Flip: true}
	}
	loader, err := data.NewLoader(training, config)
	if err != nil {
		return fail(err)
	}
	evaluation, err := evaluationLoader(validation, info)
	if err != nil {
		return fail(err)
	}
	return train.Problem{
		Name:          fmt.Sprintf("%s with %s", info.Title, im.Model),
		StepsPerEpoch: int64(loader.Steps()),
		Model: func(scope *model.Scope, _ any, inputs []*graph.Node) []*graph.Node {
			return []*graph.Node{network(scope, inputs[0])}
		},
		Losses: kafisto.SparseCrossEntropyLogits,
		Wrong:  wrong,
		Train: func(ctx context.Context, fromStep int64) (train.Stream, error) {
			return open(ctx, loader, fromStep, -1)
		},
		Splits: []train.Split{{Name: "validation", Open: func(ctx context.Context) (train.Stream, error) {
			return open(ctx, evaluation, 0, evaluation.Steps())
		}}},
	}, nil
}

// evaluationLoader serves the held-out images for evaluation: all of them, in
// their order, each as it is but for the normalisation. The paper evaluates on a
// single centre crop of the size that the network takes. Here networks take the
// size of the data set's images, and the centre crop of that size is the image
// itself: the crops and flips of ImageNet 32x32, as of CIFAR, are for training.
func evaluationLoader(held *data.Images, info data.Info) (*data.Loader, error) {
	return data.NewLoader(held, data.LoaderConfig{BatchSize: min(evalBatch, held.Len()), Mean: info.Mean, Std: info.Std})
}

// first returns the first n images, all if n is 0.
func first(images *data.Images, n int, what string) (*data.Images, error) {
	if n == 0 {
		return images, nil
	}
	if n < 0 || n > images.Len() {
		return nil, fmt.Errorf("task: %d %s images asked for: there are %d", n, what, images.Len())
	}
	return images.Subset(n)
}

// wrong counts the examples whose class has not the greatest, or not one of the
// five greatest logits. Ties count against the network, and so does what cannot
// be compared (NaN). With five classes or fewer, none is wrong by five guesses.
func wrong(labels, predictions []*graph.Node) (top1, top5 *graph.Node) {
	logits, label := predictions[0], labels[0]
	classes := logits.Shape().Dim(-1)
	chosen := graph.OneHot(graph.Reshape(label, logits.Shape().Dim(0)), classes, dtypes.Bool)
	own := graph.ReduceAndKeep(graph.Where(chosen, logits, graph.ZerosLike(logits)), graph.ReduceSum, -1)
	others := graph.LogicalAnd(graph.LogicalNot(graph.LessThan(logits, own)), graph.LogicalNot(chosen))
	rank := graph.ReduceSum(graph.ConvertDType(others, dtypes.Float64), -1)
	count := func(atLeast float64) *graph.Node {
		return graph.ReduceAllSum(graph.ConvertDType(graph.GreaterOrEqual(rank, graph.Scalar(rank.Graph(), dtypes.Float64, atLeast)), dtypes.Float64))
	}
	return count(1), count(5)
}

// stream turns a data reader's batches into tensors.
type stream struct {
	reader *data.Reader
	images *data.Images
	left   int // batches; negative means no end
}

func open(ctx context.Context, loader *data.Loader, fromStep int64, batches int) (train.Stream, error) {
	reader, err := data.ReadAhead(ctx, loader, fromStep, readAhead)
	if err != nil {
		return nil, err
	}
	return &stream{reader, loader.Images(), batches}, nil
}

// Next implements train.Stream.
func (s *stream) Next() (train.Batch, error) {
	if s.left == 0 {
		return train.Batch{}, io.EOF
	}
	s.left--
	b, err := s.reader.Next()
	if err != nil {
		return train.Batch{}, err
	}
	im := s.images
	return train.Batch{
		Inputs: []*tensors.Tensor{tensors.FromFlatDataAndDimensions(b.Pixels, b.Size, im.Height, im.Width, im.Channels)},
		Labels: []*tensors.Tensor{tensors.FromFlatDataAndDimensions(b.Labels, b.Size)},
		Size:   b.Size,
	}, nil
}

// Close implements train.Stream.
func (s *stream) Close() { s.reader.Close() }
