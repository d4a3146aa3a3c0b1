package nn

import (
	"math/rand/v2"
	"testing"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/ml/model"

	"github.com/kafisto/kafisto/internal/conv"
	"github.com/kafisto/kafisto/internal/engine/enginetest"
	"github.com/kafisto/kafisto/internal/graphtest"
)

// TestConvLayer checks names, shapes, defaults and the bias.
func TestConvLayer(t *testing.T) {
	enginetest.Each(t, func(t *testing.T, backend compute.Backend) {
		store := model.NewStore()
		exec := model.MustNewExec(backend, store, func(scope *model.Scope, x *Node) []*Node {
			y := Conv(scope.In("conv"), x).Channels(4).KernelSizes(3, 2).Strides(2).PaddingPerSide(1, 0, 0, 1).Done()
			return []*Node{y, Add(
				conv.Forward(x, store.GetVariable("/conv/weights").NodeValue(x.Graph()), conv.Geometry{
					Kernel: [2]int{3, 2}, Stride: [2]int{2, 2}, Padding: [2][2]int{{1, 0}, {0, 1}}, In: [2]int{6, 5}, Out: [2]int{3, 3}}),
				Reshape(store.GetVariable("/conv/biases").NodeValue(x.Graph()), 1, 1, 1, 4))}
		})
		got := exec.MustCall(graphtest.Random(rand.New(rand.NewPCG(5, 6)), 2, 6, 5, 3).Tensor())
		graphtest.MustMatch(t, "convolution with bias", graphtest.Of(got[0]), graphtest.Of(got[1]), 0)
		if s := store.GetVariable("/conv/weights").Shape(); !s.Equal(shapes.Make(dtypes.Float64, 3, 2, 3, 4)) {
			t.Errorf("weights are %s", s)
		}
		if n := store.NumVariables(); n != 3 { // and the random state
			t.Errorf("%d variables, want weights, biases and the random state", n)
		}
	})
}

func TestConvLayerRefusesWrongUse(t *testing.T) {
	backend := enginetest.Backend(t, "go")
	for want, build := range map[string]func(c *ConvBuilder) *ConvBuilder{
		"output channels is 0":   func(c *ConvBuilder) *ConvBuilder { return c.KernelSize(3) },
		"height is 0":            func(c *ConvBuilder) *ConvBuilder { return c.Channels(2) },
		"stride over the height": func(c *ConvBuilder) *ConvBuilder { return c.Channels(2).KernelSize(1).Strides(0) },
		"cannot be negative":     func(c *ConvBuilder) *ConvBuilder { return c.Channels(2).KernelSize(1).Padding(-1) },
		"does not fit":           func(c *ConvBuilder) *ConvBuilder { return c.Channels(2).KernelSize(7) },
	} {
		store := model.NewStore()
		graphtest.MustFail(t, backend, func(g *Graph) *Node {
			return build(Conv(store.RootScope(), Zeros(g, shapes.Make(dtypes.Float32, 1, 4, 4, 1)))).Done()
		}, want)
	}
	graphtest.MustFail(t, backend, func(g *Graph) *Node {
		return Conv(model.NewStore().RootScope(), Zeros(g, shapes.Make(dtypes.Float32, 4, 4))).Channels(1).KernelSize(1).Done()
	}, "input must be [batch, height, width, channels]")
}
