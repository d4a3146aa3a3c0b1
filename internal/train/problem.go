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
	// Perplexity tells that losses are those of a language model, a word each, so
	// that the exponential of their mean is its perplexity.
	Perplexity bool
	// Carry makes what an evaluation starts with of what it carries from batch to
	// batch; nil for models without memory. In evaluation graphs the model gets it
	// behind a batch's inputs, and returns it behind its predictions, in the same
	// shapes. What training carries are variables, which belong to the checkpoint.
	Carry func() []*tensors.Tensor
	// Train opens the endless stream of training batches at a step, counted
	// from 0: a pure function of the step.
	Train func(ctx context.Context, fromStep int64) (Stream, error)
	// Splits are evaluated during training, the first one decides which
	// checkpoint is the best.
	Splits []Split
	// Rivals are two networks that are trained against each other, in place of
	// Model, Losses, Wrong, Perplexity, Carry and Splits; nil for one network.
	Rivals *Rivals
}

// Split is a part of the data that is only evaluated.
type Split struct {
	// Name is "validation" or "test".
	Name string
	// UnigramPerplexity is that of the words' frequencies in the training text; 0
	// where that means nothing.
	UnigramPerplexity float64
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
// but for the last of a split. A second label of truth values says which losses
// count; without it, all do.
type Batch struct {
	Inputs, Labels []*tensors.Tensor
	Size           int // examples that count
}

// tensors are the inputs and then the labels.
func (b Batch) tensors() []*tensors.Tensor {
	return append(b.Inputs[:len(b.Inputs):len(b.Inputs)], b.Labels...)
}

// Finalize frees the batch's tensors.
func (b Batch) Finalize() {
	for _, t := range b.tensors() {
		_ = t.FinalizeAll() // the tensors are not used again
	}
}

// arguments are the batch's tensors as a graph's arguments.
func (b Batch) arguments() []any {
	var out []any
	for _, t := range b.tensors() {
		out = append(out, t)
	}
	return out
}
