package data

import (
	"context"
	"errors"
	"fmt"
)

// ErrClosed is what Next returns after Close.
var ErrClosed = errors.New("data: the reader is closed")

// Reader yields the batches of a loader in order, prepared ahead of time by a
// goroutine of its own. It is for one goroutine; Close it when done.
type Reader struct {
	cancel context.CancelCauseFunc
	ctx    context.Context
	ready  chan filled   // full batches, in order
	free   chan *Batch   // batches to fill again
	done   chan struct{} // closed when the goroutine has ended
	lent   *Batch        // what the last Next returned
}

type filled struct {
	batch *Batch
	err   error
}

// ReadAhead starts reading at a global step (from 0; epoch = step / Steps) and
// goes on from epoch to epoch without end. Up to depth batches, at least 1, are
// prepared ahead; the sequence does not depend on it. depth+1 batches are held
// in memory. Cancelling ctx ends the goroutine too.
func ReadAhead(ctx context.Context, loader *Loader, fromStep int64, depth int) (*Reader, error) {
	if fromStep < 0 {
		return nil, fmt.Errorf("data: cannot start at step %d: steps count from 0", fromStep)
	}
	if depth < 1 {
		return nil, fmt.Errorf("data: cannot read %d batches ahead: give at least 1", depth)
	}
	ctx, cancel := context.WithCancelCause(ctx)
	r := &Reader{
		cancel: cancel,
		ctx:    ctx,
		ready:  make(chan filled, depth+1),
		free:   make(chan *Batch, depth+1),
		done:   make(chan struct{}),
	}
	for range depth + 1 {
		r.free <- new(Batch)
	}
	go r.fill(loader, fromStep)
	return r, nil
}

// fill is the goroutine: it waits for a free batch, fills it and passes it on.
// ready holds as many as there are batches, so only the wait can block.
func (r *Reader) fill(loader *Loader, step int64) {
	defer close(r.done)
	for steps := int64(loader.Steps()); ; step++ {
		select {
		case <-r.ctx.Done():
			return
		case batch := <-r.free:
			err := loader.Batch(int(step/steps), int(step%steps), batch)
			r.ready <- filled{batch, err}
			if err != nil {
				return
			}
		}
	}
}

// Next returns the next batch. It and its slices belong to the caller until the
// next call of Next or Close. After Close the error is ErrClosed, after the
// context's end that of the context.
func (r *Reader) Next() (*Batch, error) {
	if r.ctx.Err() != nil {
		return nil, context.Cause(r.ctx)
	}
	if r.lent != nil {
		r.free <- r.lent
		r.lent = nil
	}
	select {
	case <-r.ctx.Done():
		return nil, context.Cause(r.ctx)
	case next := <-r.ready:
		if next.err != nil {
			r.cancel(next.err)
			return nil, next.err
		}
		r.lent = next.batch
		return next.batch, nil
	}
}

// Close ends the reading and waits for the goroutine. Closing twice is allowed.
func (r *Reader) Close() {
	r.cancel(ErrClosed)
	<-r.done
}
