package engine

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/gobackend"
	"github.com/gomlx/gomlx/core/graph"
)

// slowCompiler is the Go backend with a compiler that does not end before it may.
type slowCompiler struct {
	compute.Backend
	may   chan struct{}
	panic bool
	freed *atomic.Bool
}

func (s slowCompiler) Builder(name string) compute.Builder {
	return slowBuilder{s.Backend.Builder(name), s}
}

func (s slowCompiler) Finalize() { s.freed.Store(true) }

type slowBuilder struct {
	compute.Builder
	slowCompiler
}

// Name is both embedded types'.
func (b slowBuilder) Name() string { return b.Builder.Name() }

func (b slowBuilder) Compile() (compute.Executable, error) {
	<-b.may
	if b.panic {
		panic("no registers left")
	}
	return b.Builder.Compile()
}

// TestCancelledCompilation: the wait for the compiler ends with the context, and a
// backend on which it still works is not freed.
func TestCancelledCompilation(t *testing.T) {
	for name, c := range map[string]struct{ panics, cancelled bool }{
		"compiles": {}, "panics": {panics: true}, "cancelled": {cancelled: true},
	} {
		t.Run(name, func(t *testing.T) {
			plain, err := gobackend.New("")
			if err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			compiler := slowCompiler{plain, make(chan struct{}), c.panics, new(atomic.Bool)}
			backend := stoppableBackend(ctx, compiler)
			if c.cancelled {
				defer close(compiler.may)
				time.AfterFunc(10*time.Millisecond, cancel)
			} else {
				close(compiler.may)
			}
			double, err := graph.NewExec(backend, func(x *graph.Node) *graph.Node { return graph.Add(x, x) })
			if err != nil {
				t.Fatal(err)
			}
			out, err := double.Call(float32(2))
			switch {
			case c.panics:
				if err == nil || !strings.Contains(err.Error(), "no registers left") {
					t.Errorf("error %v", err)
				}
			case c.cancelled:
				if !errors.Is(err, context.Canceled) {
					t.Errorf("error %v, want context.Canceled", err)
				}
			case err != nil || out[0].Value() != float32(4):
				t.Errorf("%v, %v", out, err)
			}
			backend.Finalize()
			if compiler.freed.Load() == c.cancelled {
				t.Errorf("freed: %t", !c.cancelled)
			}
		})
	}
	plain, err := gobackend.New("")
	if err != nil {
		t.Fatal(err)
	}
	if got := stoppableBackend(context.Background(), plain); got != plain {
		t.Error("a backend is wrapped for a context that never ends")
	}
}
