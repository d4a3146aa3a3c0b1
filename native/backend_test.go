//go:build cgo && linux && (amd64 || arm64)

package native_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	. "github.com/gomlx/gomlx/core/graph"

	"github.com/kafisto/kafisto/internal/engine/enginetest"
	"github.com/kafisto/kafisto/native"
)

// TestAvailable: the kernels must not fall away silently. Wherever XLA's CPU
// plugin is required, they are.
func TestAvailable(t *testing.T) {
	backend := enginetest.Backend(t, "xla:cpu")
	if native.Available(backend) {
		if set := native.Instructions(); !slices.Contains([]string{"avx512", "avx2", "portable"}, set) {
			t.Errorf("the kernels use the instruction set %q", set)
		}
		return
	}
	_, err := native.Wrap(backend)
	if os.Getenv(enginetest.RequireXLA) != "1" {
		t.Skip(err)
	}
	t.Errorf("xla:cpu runs without the kernels: %v", err)
}

// TestWrap refuses another backend, and does nothing the second time.
func TestWrap(t *testing.T) {
	plain := enginetest.Backend(t, "go")
	wrapped, err := native.Wrap(plain)
	if wrapped != nil || err == nil || !strings.Contains(err.Error(), "native: no kernels for backend") ||
		!strings.Contains(err.Error(), "it is not XLA for the CPU") {
		t.Errorf("wrapping the Go backend gives %v, %v", wrapped, err)
	}
	if native.Available(plain) {
		t.Error("the Go backend has the kernels")
	}
	backend := kernels(t)
	if again, err := native.Wrap(backend); err != nil || again != backend {
		t.Errorf("wrapping twice gives %v, %v", again, err)
	}
	if twin, err := native.Wrap(native.Plain(backend)); err != nil || !native.Available(twin) {
		t.Errorf("wrapping the plain backend once more gives %v, %v", twin, err)
	}
}

// TestProgramOf is for whoever upgrades go-xla.
func TestProgramOf(t *testing.T) {
	if err := native.CheckProgramOf(kernels(t)); err != nil {
		t.Errorf("native.programOf reads the unexported field fn of go-xla's xla.Function, which must be a *stablehlo.Function: "+
			"after an upgrade, look at compute/xla/function.go there and change programOf: %v", err)
	}
}

// TestControlFlow gives functions and closures of a wrapped backend to the
// operations that take some.
func TestControlFlow(t *testing.T) {
	exec := compile(t, func(in []*Node) []*Node {
		x, g := in[0], in[0].Graph()
		scalar := func(g *Graph, v float32) *Node { return Const(g, v) } // not Scalar, which GoMLX takes from other functions
		state := func(g *Graph) (i, x *Node) {
			return Parameter(g, "i", shapes.Make(dtypes.Float32)), Parameter(g, "x", in[0].Shape())
		}
		cond := NewClosure(g, func(g *Graph) []*Node {
			i, _ := state(g)
			return []*Node{LessThan(i, scalar(g, 5))}
		})
		body := NewClosure(g, func(g *Graph) []*Node {
			i, x := state(g)
			return []*Node{Add(i, scalar(g, 1)), Mul(x, scalar(g, 2))}
		})
		loop := While(cond, body, scalar(g, 0), x)
		branch := func(value float32) *Function {
			return NewClosure(g, func(g *Graph) []*Node { return []*Node{scalar(g, value)} })
		}
		chosen := If(GreaterThan(ReduceAllMax(x), scalar(g, 2)), branch(10), branch(-10))
		square := NewFunction(g, "square", func(g *Graph) []*Node {
			return []*Node{Square(Parameter(g, "x", in[0].Shape()))}
		})
		return []*Node{loop[1], chosen[0], Sort(x, 0, true), square.Call(x)[0]}
	})
	got := call(t, exec, array{[]int{3}, []float32{3, -1, 2}})
	for i, want := range [][]float64{{96, -32, 64}, {10}, {-1, 2, 3}, {9, 1, 4}} {
		if !slices.Equal(got[i], want) {
			t.Errorf("%s gives %v, want %v", []string{"While", "If", "Sort", "Call"}[i], got[i], want)
		}
	}
}

// everything is a program with all kernels, and what it takes: sizes at which
// all threads have work.
func everything() (fn func(in []*Node) []*Node, inputs []array) {
	r := rand.New(rand.NewPCG(13, 14))
	direct := newConv(5, [2]int{12, 12}, 16, 32, [2]int{3, 3}, [2]int{1, 1}, [2][2]int{{1, 1}, {1, 1}})
	winograd := direct
	winograd.Winograd = true
	n := native.Norm{Epsilon: 1e-5, ReLU: true}
	f := native.Filter{Shapes: []shapes.Shape{shapes.Make(dtypes.Float32, 5*12*12*16), shapes.Make(dtypes.Float32, 3*3*16*32)}}
	fn = func(in []*Node) (out []*Node) {
		x, w, dy, scale := in[0], in[1], in[2], in[3]
		for _, c := range []native.Conv{direct, winograd} {
			out = append(out, c.Forward(x, w), c.InputGradient(dy, w), c.WeightGradient(x, dy))
		}
		y, mean, variance := n.Forward(x, scale, scale, nil)
		out = append(append(out, y), n.Backward(x, x, mean, variance, scale, scale, nil)...)
		parameters := []*Node{Reshape(x, -1), Reshape(w, -1)}
		gg, gx, _ := f.Sums(parameters, parameters)
		distances, next, _ := f.Predict(nil, parameters, parameters, parameters)
		return append(append(out, gg, gx, distances), next...)
	}
	return fn, []array{random(r, 0, 5, 12, 12, 16), random(r, 0, 3, 3, 16, 32), random(r, 0, 5, 12, 12, 32), random(r, 1, 16)}
}

// TestSameBits runs a program again and again, alone and then in several
// goroutines beside another program: not one bit may differ.
func TestSameBits(t *testing.T) {
	fn, inputs := everything()
	exec := compile(t, fn)
	twin := compile(t, func(in []*Node) []*Node { return fn(in) })
	eachSet(t, func(t *testing.T) {
		want := call(t, exec, inputs...)
		differs := func(got [][]float64) error {
			for i := range want {
				if !slices.Equal(got[i], want[i]) {
					return fmt.Errorf("output %d differs", i)
				}
			}
			return nil
		}
		for range 10 {
			if err := differs(call(t, exec, inputs...)); err != nil {
				t.Fatal(err)
			}
		}
		var group sync.WaitGroup
		for i := range 6 {
			group.Go(func() {
				program := []*Exec{exec, twin}[i%2]
				for range 5 {
					var arguments []any
					for _, input := range inputs {
						arguments = append(arguments, input.tensor())
					}
					outputs, err := program.Call(arguments...)
					if err != nil {
						t.Error(err)
						return
					}
					var got [][]float64
					for _, output := range outputs {
						got = append(got, numbers(output))
					}
					if err := differs(got); err != nil {
						t.Error("side by side: ", err)
						return
					}
				}
			})
		}
		group.Wait()
	})
}
