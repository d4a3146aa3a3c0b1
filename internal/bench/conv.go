package bench

import (
	"context"
	"fmt"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"

	"github.com/kafisto/kafisto/internal/engine"
)

// convShape is a convolution of images of size x size pixels.
type convShape struct {
	in, out, size, kernel, stride int
}

// convShapes are those of ResNet-18: the stem, each stage's 3x3 convolutions
// with and without stride, and the 1x1 shortcuts.
var convShapes = []convShape{
	{3, 64, 32, 3, 1},
	{64, 64, 32, 3, 1},
	{64, 128, 32, 3, 2},
	{128, 128, 16, 3, 1},
	{128, 256, 16, 3, 2},
	{256, 256, 8, 3, 1},
	{256, 512, 8, 3, 2},
	{512, 512, 4, 3, 1},
	{64, 128, 32, 1, 2},
	{128, 256, 16, 1, 2},
	{256, 512, 8, 1, 2},
}

// direction is one of the three computations that training does with a
// convolution.
type direction string

const (
	forward        direction = "forward"
	inputGradient  direction = "input"
	weightGradient direction = "weight"
)

// convCases time every convolution in every direction by itself, for fixed
// inputs and adjoints. Their items are the floating point operations of the
// direct algorithm, so that a faster algorithm may be above the machine's peak.
func convCases() (cases []Case) {
	for _, s := range convShapes {
		for _, d := range []direction{forward, inputGradient, weightGradient} {
			cases = append(cases, Case{
				Name: fmt.Sprintf("conv/%s/%s", s, d), Unit: "GFLOP", Batch: 128,
				About:   fmt.Sprintf("%dx%d convolution, %d to %d channels, stride %d, at %dx%d: %s", s.kernel, s.kernel, s.in, s.out, s.stride, s.size, s.size, d.text()),
				measure: timed(s.preparer(d)),
			})
		}
	}
	return cases
}

// String is the shape's name: 64-128@32s2k1 goes from 64 to 128 channels at
// 32x32 with stride 2 and a 1x1 kernel; stride 1 and kernel 3x3 are left out.
func (s convShape) String() string {
	name := fmt.Sprintf("%d-%d@%d", s.in, s.out, s.size)
	if s.stride != 1 {
		name += fmt.Sprintf("s%d", s.stride)
	}
	if s.kernel != 3 {
		name += fmt.Sprintf("k%d", s.kernel)
	}
	return name
}

func (d direction) text() string {
	if d == forward {
		return "forward"
	}
	return string(d) + " gradient"
}

// after is the size of the result.
func (s convShape) after() int { return (s.size-s.kernel+2*(s.kernel/2))/s.stride + 1 }

// gigaflop counts multiplications and additions of the direct algorithm.
func (s convShape) gigaflop(batch int) float64 {
	return 2e-9 * float64(batch*s.after()*s.after()) * float64(s.kernel*s.kernel*s.in*s.out)
}

func (s convShape) preparer(d direction) prepareFunc {
	return func(_ context.Context, e *engine.Engine, o Options) (*work, error) {
		store := model.NewStore()
		if err := store.SetRNGStateFromSeed(seed); err != nil {
			return nil, err
		}
		inputs := []*tensors.Tensor{random(1.7, o.Batch, s.size, s.size, s.in)}
		if d != forward {
			inputs = append(inputs, random(0.01, o.Batch, s.after(), s.after(), s.out))
		}
		w, err := newGraphWork(e.Backend, store, inputs, func(scope *model.Scope, inputs []*graph.Node) []*graph.Node {
			g, x := inputs[0].Graph(), inputs[0]
			result := convolution(scope, x, s.out, s.kernel, s.stride)
			if d != forward {
				with := x
				if d == weightGradient {
					with = scope.GetVariable("weights").NodeValue(g)
				}
				loss := linked(graph.ScalarZero(g, dtypes.Float32), []*graph.Node{result}, inputs[1:])
				result = graph.Gradient(loss, with)[0]
			}
			return []*graph.Node{probe(result), result}
		})
		if err != nil {
			return nil, err
		}
		return &work{step: w.step, items: s.gigaflop(o.Batch), close: w.close}, nil
	}
}
