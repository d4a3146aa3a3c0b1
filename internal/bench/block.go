package bench

import (
	"context"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"

	"github.com/kafisto/kafisto/internal/engine"
	"github.com/kafisto/kafisto/nn"
)

// block is a bottleneck block of ResNet-50 on images of size x size pixels: 1x1
// to width channels, 3x3 with the stride, 1x1 to out channels, each with batch
// normalisation, and a shortcut, which is a 1x1 convolution where the shape
// changes.
type block struct {
	size, in, width, out, stride int
}

// blockCases time a block forward and backward: its value, and the gradients
// with respect to its input and all its weights for a fixed adjoint.
func blockCases() []Case {
	return []Case{
		blockCase("bottleneck", "bottleneck block of ResNet-50, 256 to 64 to 256 channels at 32x32, forward and backward", block{32, 256, 64, 256, 1}),
		blockCase("bottleneck2", "bottleneck block with stride 2, 256 to 128 to 512 channels from 32x32, forward and backward", block{32, 256, 128, 512, 2}),
	}
}

func blockCase(name, about string, b block) Case {
	return Case{Name: name, About: about, Unit: "images", Batch: 64, measure: timed(b.prepare)}
}

func (b block) prepare(_ context.Context, e *engine.Engine, o Options) (*work, error) {
	store := model.NewStore()
	if err := store.SetRNGStateFromSeed(seed); err != nil {
		return nil, err
	}
	after := (b.size-1)/b.stride + 1
	inputs := []*tensors.Tensor{
		random(1.7, o.Batch, b.size, b.size, b.in),
		random(0.01, o.Batch, after, after, b.out),
	}
	w, err := newGraphWork(e.Backend, store, inputs, func(scope *model.Scope, inputs []*graph.Node) []*graph.Node {
		g, x := inputs[0].Graph(), inputs[0]
		y := b.build(scope, x)
		with := []*graph.Node{x}
		for v := range scope.IterVariables() {
			if v.Trainable && v.DType().IsFloat() && v.InUseByGraph(g) {
				with = append(with, v.NodeValue(g))
			}
		}
		loss := linked(graph.ScalarZero(g, dtypes.Float32), []*graph.Node{y}, inputs[1:])
		outputs := append([]*graph.Node{y}, graph.Gradient(loss, with...)...)
		return append([]*graph.Node{probe(outputs[1])}, outputs...)
	})
	if err != nil {
		return nil, err
	}
	return &work{step: w.step, items: float64(o.Batch), close: w.close}, nil
}

// build is the block.
func (b block) build(scope *model.Scope, x *graph.Node) *graph.Node {
	y := rectified(scope.In("conv1"), x, nil, b.width, 1, 1)
	y = rectified(scope.In("conv2"), y, nil, b.width, 3, b.stride)
	if b.stride != 1 || b.in != b.out {
		shortcut := scope.In("shortcut")
		x = nn.BatchNorm(shortcut.In("norm"), convolution(shortcut, x, b.out, 1, b.stride))
	}
	return rectified(scope.In("conv3"), y, x, b.out, 1, 1)
}

// rectified is a convolution as residual networks have it, batch normalisation,
// the addition of a shortcut (nil for none) and the rectifier.
func rectified(scope *model.Scope, x, shortcut *graph.Node, channels, kernel, stride int) *graph.Node {
	return nn.BatchNormReLU(scope.In("norm"), convolution(scope, x, channels, kernel, stride), shortcut)
}

// convolution is square, padded by half of its size, without bias.
func convolution(scope *model.Scope, x *graph.Node, channels, kernel, stride int) *graph.Node {
	return nn.Conv(scope, x).Channels(channels).KernelSize(kernel).Strides(stride).Padding(kernel / 2).
		Bias(false).Initializer(nn.KaimingNormal(scope)).Done()
}
