package native

import (
	"fmt"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/shapes"

	"github.com/kafisto/kafisto/internal/decorator"
)

// Wrap gives XLA's CPU backend the kernels of this package: a backend that does
// what the given one does, and for which [Available] is true. The given backend
// belongs to the result from then on: finalize the result, and use it alone. A
// backend that has been wrapped is given back as it is.
//
// It is an error, after which the given backend is as good as before, if the
// kernels cannot be had: another backend than XLA's for the CPU, a program
// without cgo, a plugin without foreign functions, or kernels that fail the
// check that is made first.
func Wrap(backend compute.Backend) (compute.Backend, error) {
	if _, done := backend.(*wrapped); done {
		return backend, nil
	}
	if err := register(backend); err != nil {
		return nil, fmt.Errorf("native: no kernels for backend %s: %w", backend.Name(), err)
	}
	w := &wrapped{}
	w.Backend = decorator.New(backend, w)
	if err := check(w); err != nil {
		return nil, fmt.Errorf("native: the kernels for backend %s do not work: %w", backend.Name(), err)
	}
	return w, nil
}

// Available tells whether a backend has the kernels, which is whether [Wrap] made
// it, or one that it gives by a method Unwrap. Graphs that call kernels on another backend compute nothing of use: ask
// first.
func Available(backend compute.Backend) bool {
	for {
		switch b := backend.(type) {
		case *wrapped:
			return true
		case interface{ Unwrap() compute.Backend }:
			backend = b.Unwrap()
		default:
			return false
		}
	}
}

// Instructions names the instruction set that the kernels use on this machine:
// "avx512", "avx2" or "portable"; "" in a program without kernels. It needs no
// backend, and says nothing about any.
func Instructions() string { return instructions() }

// wrapped is a backend whose functions can call kernels.
type wrapped struct{ *decorator.Backend }

// Builder starts a program.
func (w *wrapped) Builder(name string) compute.Builder {
	return &builder{
		Builder: w.Backend.Builder(name), backend: w,
		parameters: map[compute.Value]int{}, over: map[compute.Value]compute.Value{},
	}
}

// anyOutput is that XLA chooses which output takes a parameter's memory.
const anyOutput = -1

// builder is a program in which some functions stand for kernels.
type builder struct {
	compute.Builder
	backend    *wrapped
	main       *function
	parameters map[compute.Value]int           // of the main function
	over       map[compute.Value]compute.Value // what a kernel wrote, and what it wrote it over
}

// Main is the program's main function.
func (b *builder) Main() compute.Function {
	if b.main == nil {
		b.main = &function{Function: b.Builder.Main(), builder: b}
	}
	return b.main
}

// NewFunction starts a function, or what stands for a kernel.
func (b *builder) NewFunction(name string) (compute.Function, error) {
	inner, err := b.Builder.NewFunction(name)
	if err != nil {
		return nil, err
	}
	return &function{Function: inner, builder: b}, nil
}

// Compile compiles the program.
func (b *builder) Compile() (compute.Executable, error) {
	e, err := b.Builder.Compile()
	if err != nil {
		return nil, err
	}
	returnMemory() // which the compiler leaves, some hundred megabytes
	return b.backend.Executable(e), nil
}

// function passes everything on but calls of kernels. Other functions that it
// is given or gives back are wrapped too.
type function struct {
	compute.Function
	builder *builder
	parent  *function
}

// inner is the function of the backend that was wrapped.
func inner(f compute.Function) compute.Function {
	if w, ok := f.(*function); ok {
		return w.Function
	}
	return f
}

// Builder is the program that the function belongs to.
func (f *function) Builder() compute.Builder { return f.builder }

// Parent is the function around a closure, nil for others.
func (f *function) Parent() compute.Function {
	if f.parent == nil {
		return nil
	}
	return f.parent
}

// Closure starts a function within this one.
func (f *function) Closure() (compute.Function, error) {
	closure, err := f.Function.Closure()
	if err != nil {
		return nil, err
	}
	return &function{Function: closure, builder: f.builder, parent: f}, nil
}

// Parameter adds an input. If it is given away, results may take its memory.
func (f *function) Parameter(name string, shape shapes.Shape, sharding *compute.ShardingSpec) (compute.Value, error) {
	value, err := f.Function.Parameter(name, shape, sharding)
	if err == nil && f == f.builder.main {
		index := len(f.builder.parameters)
		f.builder.parameters[value] = index
		allowReuse(f.Function, index, anyOutput)
	}
	return value, err
}

// Return says what the function gives. What kernels wrote over a parameter
// stays there.
func (f *function) Return(outputs []compute.Value, shardings []*compute.ShardingSpec) error {
	if f == f.builder.main {
		for i, value := range outputs {
			below, isOver := f.builder.over[value]
			for isOver {
				value = below
				below, isOver = f.builder.over[value]
			}
			if index, ok := f.builder.parameters[value]; ok && value != outputs[i] {
				allowReuse(f.Function, index, i)
			}
		}
	}
	return f.Function.Return(outputs, shardings)
}

// Call calls a function, or the kernel that it stands for.
func (f *function) Call(target compute.Function, inputs ...compute.Value) ([]compute.Value, error) {
	k := parseKernel(target.Name())
	if k == nil {
		return f.Function.Call(inner(target), inputs...)
	}
	outputs, err := emitCall(f.Function, inner(target), k, inputs)
	if err == nil {
		for _, pair := range k.inPlace {
			f.builder.over[outputs[pair[0]]] = inputs[pair[1]]
		}
	}
	return outputs, err
}

// Sort sorts by a comparing function.
func (f *function) Sort(comparator compute.Function, axis int, isStable bool, inputs ...compute.Value) ([]compute.Value, error) {
	return f.Function.Sort(inner(comparator), axis, isStable, inputs...)
}

// While repeats one function while another is true.
func (f *function) While(cond, body compute.Function, initialState ...compute.Value) ([]compute.Value, error) {
	return f.Function.While(inner(cond), inner(body), initialState...)
}

// If calls one of two functions.
func (f *function) If(pred compute.Value, trueBranch, falseBranch compute.Function) ([]compute.Value, error) {
	return f.Function.If(pred, inner(trueBranch), inner(falseBranch))
}
