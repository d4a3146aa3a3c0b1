// Package train carries out one training run in a run folder: the loop, the
// log, checkpoints, exact resume, stopping and divergence. It knows no model
// and no data set: those come in a Problem (see package task).
package train

import (
	"context"

	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	gomlx "github.com/gomlx/gomlx/ml/train"

	"github.com/kafisto/kafisto"
)

// Problem is what a run trains.
type Problem struct {
	// Name of the task, for people.
	Name string
	// StepsPerEpoch is the number of training batches in an epoch, at least 1.
	StepsPerEpoch int64
	// Model builds the network: predictions from a batch's inputs.
	Model gomlx.ModelFn
	// Losses builds the per-example losses, of any shape but scalar.
	Losses kafisto.PerExampleLoss
	// Wrong builds how many examples of a batch are wrong by the first and by
	// the five best guesses, two Float64 scalars; nil where that means nothing.
	Wrong func(labels, predictions []*graph.Node) (top1, top5 *graph.Node)
	// Train opens the endless stream of training batches at a step, counted
	// from 0: a pure function of the step.
	Train func(ctx context.Context, fromStep int64) (Stream, error)
	// Splits are evaluated during training, the first one decides which
	// checkpoint is the best.
	Splits []Split
}

// Split is a part of the data that is only evaluated.
type Split struct {
	// Name is "validation" or "test".
	Name string
	// Open returns the split's batches, which end with io.EOF.
	Open func(ctx context.Context) (Stream, error)
}

// Stream yields batches in order. It is for one goroutine.
type Stream interface {
	// Next returns the next batch, whose tensors belong to the caller.
	Next() (Batch, error)
	// Close frees what the stream holds.
	Close()
}

// Batch is a minibatch on the host. Batches of one stream have the same shape,
// but for the last of a split.
type Batch struct {
	Inputs, Labels []*tensors.Tensor
	Size           int // examples
}

// finalize frees the batch's tensors.
func (b Batch) finalize() {
	for _, t := range append(b.Inputs[:len(b.Inputs):len(b.Inputs)], b.Labels...) {
		_ = t.FinalizeAll() // the tensors are not used again
	}
}

// arguments are the batch's tensors as a graph's arguments.
func (b Batch) arguments() []any {
	var out []any
	for _, t := range b.Inputs {
		out = append(out, t)
	}
	for _, t := range b.Labels {
		out = append(out, t)
	}
	return out
}
