package engine

import (
	"context"
	"fmt"
	"sync/atomic"

	"github.com/gomlx/compute"

	"github.com/kafisto/kafisto/internal/decorator"
)

// stoppable is a backend on which nobody waits for the compiler, which cannot be
// told to stop, once a context is cancelled. A compilation that was not waited for
// goes on until the process ends, and the backend is not freed under it.
type stoppable struct {
	*decorator.Backend
	ctx  context.Context
	left atomic.Bool // a compilation was left to itself
}

// stoppableBackend makes a backend stop with ctx; as it is where ctx has no end.
func stoppableBackend(ctx context.Context, backend compute.Backend) compute.Backend {
	if ctx.Done() == nil {
		return backend
	}
	s := &stoppable{ctx: ctx}
	s.Backend = decorator.New(backend, s)
	return s
}

// Unwrap is the backend that compiles; package native looks for its own with it.
func (s *stoppable) Unwrap() compute.Backend { return s.Backend.Backend }

// Builder starts a program.
func (s *stoppable) Builder(name string) compute.Builder {
	return &stoppableBuilder{s.Backend.Builder(name), s}
}

// Finalize frees the backend, unless a compilation still needs it.
func (s *stoppable) Finalize() {
	if !s.left.Load() {
		s.Backend.Finalize()
	}
}

type stoppableBuilder struct {
	compute.Builder
	backend *stoppable
}

// Compile compiles the program, or gives the context's error once that is cancelled.
func (b *stoppableBuilder) Compile() (compute.Executable, error) {
	var program compute.Executable
	var err error
	done := make(chan struct{})
	go func() {
		defer close(done)
		program, err = compile(b.Builder)
	}()
	select {
	case <-done:
	case <-b.backend.ctx.Done():
		b.backend.left.Store(true)
		return nil, fmt.Errorf("engine: stopped in the compiler: %w", b.backend.ctx.Err())
	}
	if err != nil {
		return nil, err
	}
	return b.backend.Executable(program), nil
}

// compile turns a panic, which nobody could catch in a goroutine, into an error.
func compile(builder compute.Builder) (program compute.Executable, err error) {
	defer func() {
		if reason := recover(); reason != nil {
			err = fmt.Errorf("%v", reason)
		}
	}()
	return builder.Compile()
}
