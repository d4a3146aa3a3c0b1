// Package engine decides which GoMLX backend a program uses, and installs the
// plugin that OpenXLA needs. It is the only package that knows about backends'
// files, folders and downloads; everything else takes a compute.Backend.
//
// The Go backend is part of every binary. XLA needs cgo, one of go-xla's
// platforms and a PJRT plugin, which is looked for in this order:
//
//  1. the folders of the environment variable PJRT_PLUGIN_LIBRARY_PATH;
//  2. the folder kafisto/pjrt in the user's cache folder, where Open and
//     Install put the CPU plugin (Linux on x86-64);
//  3. where go-xla looks and installs by default.
//
// A found plugin is opened by its path, so go-xla itself never downloads.
package engine

import (
	"context"
	"fmt"
	"io"
	"os"
	"runtime"
	"strings"
	"sync"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/gobackend"

	"github.com/kafisto/kafisto/native"
)

// Options says which engine to open and how to talk about it.
type Options struct {
	// Choice is the engine asked for. The empty choice is an error.
	Choice Choice
	// Offline forbids any use of the network.
	Offline bool
	// Message takes single lines meant for the user, without a line end;
	// nil drops them.
	Message func(line string)
	// Progress takes the progress of a download: a bar when it is a
	// terminal, one plain line when it is not, nothing when it is nil.
	Progress io.Writer
}

// message sends one line to the user.
func (o Options) message(format string, args ...any) {
	if o.Message != nil {
		o.Message(fmt.Sprintf(format, args...))
	}
}

// Engine is an open backend.
type Engine struct {
	// Backend runs the graphs. It belongs to the engine: Close it there.
	Backend compute.Backend
	// Name is the choice that came true: "go", "xla:cpu" or "xla:cuda".
	Name string
	// Kernels names the instruction set of package native's kernels on xla:cpu:
	// avx512, avx2 or portable; NoKernels without them, "" on other engines.
	Kernels string
}

// NoKernels is what Engine.Kernels says of xla:cpu without kernels.
const NoKernels = "none"

// Close frees the backend. Neither it nor tensors on it may be used after.
// A second call does nothing.
func (e *Engine) Close() {
	if e.Backend != nil {
		e.Backend.Finalize()
		e.Backend = nil
	}
}

// Open opens the engine that options ask for.
//
// Auto tries xla:cuda if the machine shows an NVIDIA GPU, then xla:cpu, then
// go; what it had to pass over it says in one line through options.Message.
// Auto and xla:cpu fetch the CPU plugin when none is found, unless
// options.Offline is set; the CUDA plugin (gigabytes) is fetched by Install
// alone. Once a plugin is there, Open touches no network.
//
// Once ctx is cancelled, which may be long after Open, XLA's compiler is not waited
// for: what needs its program gets the context's error.
//
// xla:cpu gets the kernels of package native. Where they cannot be had it works
// without, and options.Message is told why in one line.
//
// An explicit choice that cannot be had is an error that says what to do.
// Panics of a backend come out as errors.
func Open(ctx context.Context, options Options) (*Engine, error) {
	return newSite().open(ctx, options)
}

func (s *site) open(ctx context.Context, options Options) (*Engine, error) {
	choice, err := Parse(string(options.Choice))
	if err != nil {
		return nil, err
	}
	switch choice {
	case Auto:
		return s.openAuto(ctx, options)
	case Go:
		return openGo(options)
	default:
		return s.openXLA(ctx, choice, options)
	}
}

func (s *site) openAuto(ctx context.Context, options Options) (*Engine, error) {
	candidates := []Choice{XLACPU}
	if s.hasNVIDIA() {
		candidates = []Choice{XLACUDA, XLACPU}
	}
	var reasons []string
	for _, candidate := range candidates {
		engine, err := s.openXLA(ctx, candidate, options)
		if err == nil {
			options.explain(engine.Name, reasons)
			return engine, nil
		}
		if ctx.Err() != nil {
			return nil, err
		}
		reasons = append(reasons, strings.TrimPrefix(err.Error(), "engine: "))
	}
	options.explain("go", reasons)
	return openGo(options)
}

// explain says in one line why auto passed over what it would have preferred.
func (o Options) explain(name string, reasons []string) {
	if len(reasons) > 0 {
		o.message("engine: using %s: %s", name, strings.Join(reasons, "; "))
	}
}

func (s *site) openXLA(ctx context.Context, choice Choice, options Options) (*Engine, error) {
	if s.load == nil {
		return nil, noXLAError(choice)
	}
	path, err := s.find(ctx, choice)
	if isMissing(err) && choice == XLACPU && s.wheel != nil && !options.Offline {
		path, err = s.fetch(ctx, options)
	}
	if err != nil {
		return nil, err
	}
	backend, err := open(func() (compute.Backend, error) { return s.load(path) })
	if err != nil {
		return nil, fmt.Errorf("engine: %s: plugin %s does not load: %w", choice, path, err)
	}
	kernels := ""
	if choice == XLACPU {
		backend, kernels = s.withKernels(backend, options)
	}
	return &Engine{Backend: stoppableBackend(ctx, backend), Name: string(choice), Kernels: kernels}, nil
}

// KernelsVariable is the environment variable that, set to "off", leaves XLA on
// the CPU without the kernels of package native: slower, for comparing results.
const KernelsVariable = "KAFISTO_KERNELS"

// kernelsOff says whether the user does without kernels.
func kernelsOff() bool { return os.Getenv(KernelsVariable) == "off" }

// withKernels gives a backend the kernels, which it names, or says in one line why
// it has none.
func (s *site) withKernels(backend compute.Backend, options Options) (compute.Backend, string) {
	if kernelsOff() {
		options.message("engine: xla:cpu without kernels, as %s says", KernelsVariable)
		return backend, NoKernels
	}
	fast, err := s.kernels(backend)
	if err != nil {
		options.message("engine: xla:cpu without the fast kernels: %v", err)
		return backend, NoKernels
	}
	return fast, native.Instructions()
}

func noXLAError(choice Choice) error {
	return fmt.Errorf("engine: %s is not part of this program (%s): choose go", choice, noXLA)
}

// slowNotice sends the line about a slow Go backend, once per process.
var slowNotice = new(sync.Once)

// openGo opens the Go backend and says once per process if it will be slow.
//
// By default it starts eight workers that take operations as they become ready. They hold most of the
// pool's places even while they wait, so that matrix products are left with a single processor on a
// small machine: one worker a processor is a third faster on two.
func openGo(options Options) (*Engine, error) {
	config := fmt.Sprintf("num_executors=%d", min(runtime.GOMAXPROCS(0), 8))
	backend, err := open(func() (compute.Backend, error) { return gobackend.New(config) })
	if err != nil {
		return nil, fmt.Errorf("engine: the Go backend does not start: %w", err)
	}
	if !builtWithSIMD {
		slowNotice.Do(func() {
			options.message("engine: this program was built without GOEXPERIMENT=simd: the Go backend is many times slower than it could be")
		})
	}
	return &Engine{Backend: backend, Name: string(Go)}, nil
}

// open calls a backend's constructor and turns its panic into an error.
func open(construct func() (compute.Backend, error)) (backend compute.Backend, err error) {
	defer func() {
		if reason := recover(); reason != nil {
			backend, err = nil, fmt.Errorf("%v", reason)
		}
	}()
	return construct()
}
