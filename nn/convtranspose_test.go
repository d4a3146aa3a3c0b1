package nn

import (
	"math/rand/v2"
	"testing"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/ml/model"

	"github.com/kafisto/kafisto/internal/engine/enginetest"
	"github.com/kafisto/kafisto/internal/graphtest"
)

// plainConvTranspose is the definition: every pixel of x stamps the kernel [size, size, out, in] onto
// the result.
func plainConvTranspose(x, w graphtest.Array, stride, padding, outputPadding int) graphtest.Array {
	batch, height, width, in := x.Dims[0], x.Dims[1], x.Dims[2], x.Dims[3]
	size, out := w.Dims[0], w.Dims[2]
	grown := func(n int) int { return (n-1)*stride - 2*padding + size + outputPadding }
	y := graphtest.Zeros(batch, grown(height), grown(width), out)
	for at, v := range x.Flat {
		n, row, column, k := at/in/width/height, at/in/width%height, at/in%width, at%in
		for i := range size {
			for j := range size {
				r, c := row*stride+i-padding, column*stride+j-padding
				if r < 0 || r >= y.Dims[1] || c < 0 || c >= y.Dims[2] {
					continue
				}
				for o := range out {
					y.Flat[((n*y.Dims[1]+r)*y.Dims[2]+c)*out+o] += v * w.Flat[((i*size+j)*out+o)*in+k]
				}
			}
		}
	}
	return y
}

// TestConvTranspose uses DCGAN's kernels and others. Its gradients are those of a convolution's input
// gradient, which package conv tests.
func TestConvTranspose(t *testing.T) {
	enginetest.Each(t, func(t *testing.T, backend compute.Backend) {
		r := rand.New(rand.NewPCG(9, 1))
		for _, c := range []struct{ size, stride, padding, outputPadding int }{
			{4, 2, 1, 0}, {4, 1, 0, 0}, {3, 2, 1, 1}, {5, 3, 0, 2},
		} {
			x, w := graphtest.Random(r, 2, 3, 2, 3), graphtest.Random(r, c.size, c.size, 2, 3)
			store := model.NewStore()
			store.RootScope().VariableWithValue("weights", w.Tensor())
			exec := model.MustNewExec(backend, store, func(scope *model.Scope, x *Node) *Node {
				return ConvTranspose(scope, x).Channels(2).KernelSize(c.size).Strides(c.stride).
					Padding(c.padding).OutputPadding(c.outputPadding).Bias(false).Done()
			})
			want := plainConvTranspose(x, w, c.stride, c.padding, c.outputPadding)
			graphtest.MustMatch(t, "transposed convolution", graphtest.Of(exec.MustCall(x.Tensor())[0]), want, 1e-12)
		}
	})
}

func TestConvTransposeVariables(t *testing.T) {
	store := model.NewStore()
	exec := model.MustNewExec(enginetest.Backend(t, "go"), store, func(scope *model.Scope, x *Node) *Node {
		return ConvTranspose(scope.In("up"), x).Channels(4).KernelSize(4).Strides(2).Padding(1).Done()
	})
	got := exec.MustCall(graphtest.Random(rand.New(rand.NewPCG(5, 6)), 2, 6, 5, 3).Tensor())[0]
	if s := got.Shape(); !s.Equal(shapes.Make(dtypes.Float64, 2, 12, 10, 4)) {
		t.Errorf("result is %s", s)
	}
	if s := store.GetVariable("/up/weights").Shape(); !s.Equal(shapes.Make(dtypes.Float64, 4, 4, 4, 3)) {
		t.Errorf("weights are %s", s)
	}
	if s := store.GetVariable("/up/biases").Shape(); !s.Equal(shapes.Make(dtypes.Float64, 4)) {
		t.Errorf("biases are %s", s)
	}
}

func TestConvTransposeRefusesWrongUse(t *testing.T) {
	backend := enginetest.Backend(t, "go")
	for want, build := range map[string]func(c *ConvTransposeBuilder) *ConvTransposeBuilder{
		"output channels is 0": func(c *ConvTransposeBuilder) *ConvTransposeBuilder { return c.KernelSize(3) },
		"less than the stride": func(c *ConvTransposeBuilder) *ConvTransposeBuilder {
			return c.Channels(2).KernelSize(3).OutputPadding(1)
		},
		"nothing is left": func(c *ConvTransposeBuilder) *ConvTransposeBuilder { return c.Channels(2).KernelSize(1).Padding(2) },
		"height is 0":     func(c *ConvTransposeBuilder) *ConvTransposeBuilder { return c.Channels(2) },
	} {
		graphtest.MustFail(t, backend, func(g *Graph) *Node {
			return build(ConvTranspose(model.NewStore().RootScope(), Zeros(g, shapes.Make(dtypes.Float32, 1, 4, 4, 1)))).Done()
		}, want)
	}
	graphtest.MustFail(t, backend, func(g *Graph) *Node {
		return ConvTranspose(model.NewStore().RootScope(), Zeros(g, shapes.Make(dtypes.Float32, 4, 4))).Channels(1).KernelSize(1).Done()
	}, "input must be [batch, height, width, channels]")
}
