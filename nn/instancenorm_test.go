package nn

import (
	_ "embed"
	"encoding/json"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"

	"github.com/kafisto/kafisto/internal/engine/enginetest"
	"github.com/kafisto/kafisto/internal/graphtest"
)

// torchInstanceNorm holds values and gradients of PyTorch's; testdata/export_instancenorm.py wrote it.
//
//go:embed testdata/instancenorm.json
var torchInstanceNorm []byte

// TestInstanceNormParity holds a leaky rectifier of an instance normalisation, its gradients and
// those of a penalty on them against PyTorch's, in both number types, in training and outside of it.
func TestInstanceNormParity(t *testing.T) {
	var file struct{ Inputs, Results []graphtest.Array }
	if err := json.Unmarshal(torchInstanceNorm, &file); err != nil {
		t.Fatal(err)
	}
	names := []string{"value", "x", "scale", "offset", "penalty's x", "penalty's scale", "penalty's offset"}
	enginetest.Each(t, func(t *testing.T, backend compute.Backend) {
		for dtype, tolerance := range map[dtypes.DType]float64{dtypes.Float64: 1e-11, dtypes.Float32: 1e-5} {
			store := model.NewStore()
			setVariable(store, "/norm/scale", file.Inputs[1], dtype)
			setVariable(store, "/norm/offset", file.Inputs[2], dtype)
			for _, training := range []bool{true, false} {
				exec := model.MustNewExec(backend, store, func(scope *model.Scope, in []*Node) []*Node {
					scope.SetTraining(in[0].Graph(), training)
					return inDType(dtype, func(in []*Node) []*Node { return penalized(scope, in[0], in[1]) })(in)
				})
				results := exec.MustCall(file.Inputs[0].Tensor(), file.Inputs[3].Tensor())
				for i, want := range file.Results {
					graphtest.MustMatch(t, names[i], graphtest.Of(results[i]), want, tolerance)
				}
			}
			if n := store.NumVariables(); n != 2 {
				t.Errorf("%d variables, want scale and offset", n)
			}
		}
	})
}

// penalized is the script's value, gradients and gradients of a penalty on these.
func penalized(scope *model.Scope, x, weight *Node) []*Node {
	y := LeakyReLU(InstanceNorm(scope.In("norm"), x), 0.2)
	wanted := []*Node{x}
	for _, name := range []string{"/norm/scale", "/norm/offset"} {
		wanted = append(wanted, value(scope.Store().GetVariable(name), x.Graph()))
	}
	gradients := Gradient(ReduceAllSum(Mul(Square(y), weight)), wanted...)
	penalty := ScalarZero(x.Graph(), x.DType())
	for _, slope := range gradients {
		penalty = Add(penalty, ReduceAllSum(Square(slope)))
	}
	return slices.Concat([]*Node{y}, gradients, Gradient(penalty, wanted...))
}

// TestInstanceNormKeepsImagesApart changes one image of a batch, which must not change a bit of another.
func TestInstanceNormKeepsImagesApart(t *testing.T) {
	enginetest.Each(t, func(t *testing.T, backend compute.Backend) {
		exec := model.MustNewExec(backend, model.NewStore(), InstanceNorm)
		x := graphtest.Random(rand.New(rand.NewPCG(4, 2)), 2, 3, 3, 2)
		before := graphtest.Of(exec.MustCall(x.Tensor())[0])
		x.Flat[0] += 1
		after := graphtest.Of(exec.MustCall(x.Tensor())[0])
		const image = 3 * 3 * 2
		if slices.Equal(before.Flat[:image], after.Flat[:image]) || !slices.Equal(before.Flat[image:], after.Flat[image:]) {
			t.Errorf("from %v to %v", before.Flat, after.Flat)
		}
	})
}

// TestLeakyReLU takes values and gradients about zero, where PyTorch's gradient is the slope.
func TestLeakyReLU(t *testing.T) {
	enginetest.Each(t, func(t *testing.T, backend compute.Backend) {
		vector := func(numbers ...float64) graphtest.Array {
			return graphtest.Array{Dims: []int{len(numbers)}, Flat: numbers}
		}
		got := graphtest.Run(t, backend, func(in []*Node) []*Node {
			y := LeakyReLU(in[0], 0.25)
			return []*Node{y, Gradient(ReduceAllSum(Mul(y, in[1])), in[0])[0]}
		}, vector(-2, 0, 0.5, 3), vector(4, 8, 7, 8))
		graphtest.MustMatch(t, "value", got[0], vector(-0.5, 0, 0.5, 3), 0)
		graphtest.MustMatch(t, "gradient", got[1], vector(1, 2, 7, 8), 0)
	})
}

func TestInstanceNormRefusesWrongShapes(t *testing.T) {
	backend := enginetest.Backend(t, "go")
	for want, dims := range map[string][]int{
		"instance normalisation: input must be [batch, height, width, channels]": {2, 3, 3},
		"more than one pixel an image":                                           {2, 1, 1, 3},
	} {
		graphtest.MustFail(t, backend, func(g *Graph) *Node {
			return InstanceNorm(model.NewStore().RootScope(), Zeros(g, shapes.Make(dtypes.Float32, dims...)))
		}, want)
	}
	exec := model.MustNewExec(backend, model.NewStore(), func(scope *model.Scope, x *Node) *Node { return InstanceNorm(scope, x) })
	if got := tensors.MustCopyFlatData[float32](exec.MustCall(tensors.FromShape(shapes.Make(dtypes.Float32, 1, 1, 2, 1)))[0]); !slices.Equal(got, []float32{0, 0}) {
		t.Errorf("an image of equal pixels becomes %v, want zeros", got)
	}
}
