package nn

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"path"
	"slices"
	"strings"
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

// torchTransformer holds values and gradients of PyTorch's layers; testdata/export_transformer.py wrote it.
//
//go:embed testdata/transformer.json
var torchTransformer []byte

// torchCase is a layer of PyTorch's: Y is its value at X, the gradients are those of sum(Y * Weight).
type torchCase struct {
	X, Weight, Y, Gradient graphtest.Array
	Variables, Gradients   map[string]graphtest.Array
}

// torchCases are the cases of transformer.json and our layers that shall do the same.
func torchCases(t *testing.T) (map[string]torchCase, map[string]func(*model.Scope, *Node) *Node) {
	t.Helper()
	var cases map[string]torchCase
	if err := json.Unmarshal(torchTransformer, &cases); err != nil {
		t.Fatal(err)
	}
	return cases, map[string]func(*model.Scope, *Node) *Node{
		"norm":      LayerNorm,
		"attention": func(scope *model.Scope, x *Node) *Node { return CausalSelfAttention(scope, x, 2, 0) },
		"layer":     TransformerLayer{Heads: 2, FeedForward: 7}.Apply,
	}
}

// TestTransformerParity holds values, gradients and the names of variables against PyTorch's, in
// both number types.
func TestTransformerParity(t *testing.T) {
	cases, layers := torchCases(t)
	if len(cases) != len(layers) {
		t.Errorf("%d cases in the file, want %d", len(cases), len(layers))
	}
	enginetest.Each(t, func(t *testing.T, backend compute.Backend) {
		for name, layer := range layers {
			for dtype, tolerance := range map[dtypes.DType]float64{dtypes.Float64: 1e-11, dtypes.Float32: 2e-6} {
				c := cases[name]
				paths := slices.Sorted(maps.Keys(c.Variables))
				got, store := runLayer(t, backend, dtype, layer, c, paths)
				want := []graphtest.Array{c.Y, c.Gradient}
				for _, path := range paths {
					want = append(want, c.Gradients[path])
				}
				for i, what := range append([]string{"value", "x"}, paths...) {
					graphtest.MustMatch(t, fmt.Sprintf("%s, %s, %s", name, dtype, what), got[i], want[i], tolerance)
				}
				for v := range store.IterVariables() {
					if !slices.Contains(paths, v.Path()) || !v.Trainable {
						t.Errorf("%s: variable %s, trainable %t, is not PyTorch's", name, v.Path(), v.Trainable)
					}
				}
			}
		}
	})
}

// runLayer gives the layer's value at the case's input and the gradients for it and the variables of
// the paths, of a training graph in the number type.
func runLayer(t *testing.T, backend compute.Backend, dtype dtypes.DType, layer func(*model.Scope, *Node) *Node,
	c torchCase, paths []string) (results []graphtest.Array, store *model.Store) {
	t.Helper()
	store = model.NewStore()
	for _, p := range paths {
		setVariable(store, p, c.Variables[p], dtype)
	}
	exec := model.MustNewExec(backend, store, func(scope *model.Scope, in []*Node) []*Node {
		return inDType(dtype, func(in []*Node) []*Node {
			x, weight := in[0], in[1]
			scope.SetTraining(x.Graph(), true)
			y := layer(scope, x)
			wanted := []*Node{x}
			for _, p := range paths {
				wanted = append(wanted, store.GetVariable(p).NodeValue(x))
			}
			return append([]*Node{y}, Gradient(ReduceAllSum(Mul(y, weight)), wanted...)...)
		})(in)
	})
	defer exec.Finalize()
	for _, result := range exec.MustCall(c.X.Tensor(), c.Weight.Tensor()) {
		results = append(results, graphtest.Of(result))
	}
	return results, store
}

// setVariable makes a variable of that path and number type.
func setVariable(store *model.Store, at string, a graphtest.Array, dtype dtypes.DType) {
	scope := store.RootScope()
	for _, name := range strings.Split(strings.Trim(path.Dir(at), "/"), "/") {
		if name != "" {
			scope = scope.In("%s", name)
		}
	}
	if dtype == dtypes.Float64 {
		scope.VariableWithValue(path.Base(at), a.Tensor())
		return
	}
	single := make([]float32, len(a.Flat))
	for i, v := range a.Flat {
		single[i] = float32(v)
	}
	scope.VariableWithValue(path.Base(at), tensors.FromFlatDataAndDimensions(single, a.Dims...))
}

// TestTransformerGradients checks the gradients of attention and layer norm and those of a gradient penalty by finite differences.
func TestTransformerGradients(t *testing.T) {
	enginetest.Each(t, func(t *testing.T, backend compute.Backend) {
		r := rand.New(rand.NewPCG(6, 2))
		inputs := []graphtest.Array{graphtest.Random(r, 3, 2, 4), graphtest.Random(r, 3, 2, 4), graphtest.Random(r, 3, 2, 4), graphtest.Random(r, 4), graphtest.Random(r, 4)}
		loss := func(in []*Node) *Node {
			weights := attentionWeights(in[0], in[1])
			mixed := DotGeneral(weights, []int{2}, []int{0}, in[2], []int{1}, []int{0})
			return ReduceAllSum(Mul(Square(Add(Mul(standardize(mixed, -1), alongLastAxis(in[3], 3)), alongLastAxis(in[4], 3))), in[2]))
		}
		graphtest.CheckGradients(t, backend, loss, inputs...)
		graphtest.CheckGradients(t, backend, func(in []*Node) *Node {
			sum := ScalarZero(in[0].Graph(), in[0].DType())
			for _, slope := range Gradient(loss(in), in...) {
				sum = Add(sum, ReduceAllSum(Square(slope)))
			}
			return sum
		}, inputs...)
	})
}

// TestCausality changes the later words of a batch, which must not change a bit before them, and must
// change everything from there on.
func TestCausality(t *testing.T) {
	const time, batch, width, first = 6, 2, 8, 4
	enginetest.Each(t, func(t *testing.T, backend compute.Backend) {
		exec := model.MustNewExec(backend, model.NewStore(), func(scope *model.Scope, x *Node) *Node {
			for i := range 2 {
				x = TransformerLayer{Heads: 2, FeedForward: 5}.Apply(scope.In("layer%d", i), x)
			}
			return x
		})
		defer exec.Finalize()
		x := graphtest.Random(rand.New(rand.NewPCG(4, 4)), time, batch, width)
		changed := x.Clone()
		for i := first * batch * width; i < len(x.Flat); i += 3 {
			changed.Flat[i] += 0.7
		}
		a, b := graphtest.Of(exec.MustCall(x.Tensor())[0]), graphtest.Of(exec.MustCall(changed.Tensor())[0])
		for i := range a.Flat {
			if word := i / (batch * width); (a.Flat[i] == b.Flat[i]) != (word < first) {
				t.Fatalf("word %d: %g and, with words from %d on changed, %g", word, a.Flat[i], first, b.Flat[i])
			}
		}
	})
}

// TestTransformerDropout holds a layer's training graph against its evaluation graph: without
// dropout they agree, with it only the former differs, and from call to call.
func TestTransformerDropout(t *testing.T) {
	enginetest.Each(t, func(t *testing.T, backend compute.Backend) {
		store := model.NewStore()
		if err := store.SetRNGStateFromSeed(3); err != nil {
			t.Fatal(err)
		}
		x := graphtest.Random(rand.New(rand.NewPCG(4, 5)), 5, 3, 8)
		run := func(training bool, rate float64) (first, second graphtest.Array) {
			exec := model.MustNewExec(backend, store, func(scope *model.Scope, x *Node) *Node {
				scope.SetTraining(x.Graph(), training)
				return TransformerLayer{Heads: 2, FeedForward: 5, Dropout: rate}.Apply(scope, x)
			})
			defer exec.Finalize()
			return graphtest.Of(exec.MustCall(x.Tensor())[0]), graphtest.Of(exec.MustCall(x.Tensor())[0])
		}
		plain, _ := run(true, 0)
		evaluated, _ := run(false, 0.5)
		graphtest.MustMatch(t, "evaluation", evaluated, plain, 1e-13)
		first, second := run(true, 0.5)
		if slices.Equal(first.Flat, plain.Flat) || slices.Equal(first.Flat, second.Flat) {
			t.Error("training with dropout is training without, or always the same")
		}
	})
}

// TestAttentionDropout makes every value vector one, so that attention gives the sum of its weights:
// one without dropout, with it sums of the kept weights over 1-rate, whose mean is one.
func TestAttentionDropout(t *testing.T) {
	const time, batch, width, rate = 16, 32, 8, 0.65
	enginetest.Each(t, func(t *testing.T, backend compute.Backend) {
		store := model.NewStore()
		if err := store.SetRNGStateFromSeed(7); err != nil {
			t.Fatal(err)
		}
		output, biases := graphtest.Zeros(width, width), graphtest.Zeros(3*width)
		for i := range width {
			output.Flat[i*width+i], biases.Flat[2*width+i] = 1, 1
		}
		for name, a := range map[string]graphtest.Array{
			"/projection/weights": graphtest.Zeros(width, 3*width), "/projection/biases": biases,
			"/output/weights": output, "/output/biases": graphtest.Zeros(width),
		} {
			setVariable(store, name, a, dtypes.Float64)
		}
		exec := model.MustNewExec(backend, store, func(scope *model.Scope, x *Node) *Node {
			scope.SetTraining(x.Graph(), true)
			return CausalSelfAttention(scope, x, 2, rate)
		})
		defer exec.Finalize()
		sums := graphtest.Of(exec.MustCall(graphtest.Zeros(time, batch, width).Tensor())[0]).Flat
		mean, dropped := 0.0, 0
		for i, sum := range sums {
			mean += sum / float64(len(sums))
			if word := i / (batch * width); word == 0 {
				if sum == 0 {
					dropped++
				} else if math.Abs(sum-1/(1-rate)) > 1e-6 {
					t.Fatalf("the first word's weight is %g, want 0 or %g", sum, 1/(1-rate))
				}
			}
		}
		// The two heads' four columns share a decision: 64 for the first word, whose deviation is 0.06.
		if share := float64(dropped) / (batch * width); math.Abs(share-rate) > 0.2 {
			t.Errorf("%.2f of the first words' weights were dropped", share)
		}
		if math.Abs(mean-1) > 0.2 { // 1024 sums of deviation below 1.4: 0.045
			t.Errorf("mean sum of weights %.3f, want 1", mean)
		}
	})
}

// TestTransformerStartingValues compares the spread of the starting values with PyTorch's bounds.
func TestTransformerStartingValues(t *testing.T) {
	const width, inner = 64, 48
	store := model.NewStore()
	exec := model.MustNewExec(enginetest.Backend(t, "go"), store, func(scope *model.Scope, x *Node) *Node {
		return TransformerLayer{Heads: 4, FeedForward: inner}.Apply(scope, x)
	})
	defer exec.Finalize()
	exec.MustCall(graphtest.Zeros(2, 1, width).Tensor())
	bounds := map[string]float64{ // of the uniform distributions; 0 stands for zeros
		"/attention/projection/weights": math.Sqrt(6.0 / (4 * width)), "/attention/projection/biases": 0,
		"/attention/output/weights": 1 / math.Sqrt(width), "/attention/output/biases": 0,
		"/inner/weights": 1 / math.Sqrt(width), "/inner/biases": 1 / math.Sqrt(width),
		"/outer/weights": 1 / math.Sqrt(inner), "/outer/biases": 1 / math.Sqrt(inner),
		"/attention/norm/offset": 0, "/outer/norm/offset": 0,
	}
	for p, bound := range bounds {
		largest := 0.0
		for _, v := range graphtest.Of(store.GetVariable(p).MustValue()).Flat {
			largest = max(largest, math.Abs(v))
		}
		if largest > bound || largest < 0.85*bound {
			t.Errorf("%s: largest value %g, want nearly %g", p, largest, bound)
		}
	}
	for _, p := range []string{"/attention/norm/scale", "/outer/norm/scale"} {
		for _, v := range graphtest.Of(store.GetVariable(p).MustValue()).Flat {
			if v != 1 {
				t.Errorf("%s has %g, want 1", p, v)
			}
		}
	}
}

func TestSinusoidalPositions(t *testing.T) {
	want := graphtest.Array{Dims: []int{3, 1, 3}, Flat: []float64{
		0, 1, 0,
		math.Sin(1), math.Cos(1), math.Sin(math.Pow(10000, -2.0/3)),
		math.Sin(2), math.Cos(2), math.Sin(2 * math.Pow(10000, -2.0/3)),
	}}
	enginetest.Each(t, func(t *testing.T, backend compute.Backend) {
		got := graphtest.Run(t, backend, func(in []*Node) []*Node {
			return []*Node{SinusoidalPositions(in[0].Graph(), dtypes.Float64, 3, 3)}
		}, graphtest.Zeros(1))
		graphtest.MustMatch(t, "positions", got[0], want, 1e-15)
		got32 := graphtest.Run(t, backend, func(in []*Node) []*Node {
			return []*Node{ConvertDType(SinusoidalPositions(in[0].Graph(), dtypes.Float32, 3, 3), dtypes.Float64)}
		}, graphtest.Zeros(1))
		graphtest.MustMatch(t, "positions in float32", got32[0], want, 1e-7)
	})
}

func TestTransformerRefusesWrongUse(t *testing.T) {
	scope := func() *model.Scope { return model.NewStore().RootScope() }
	for want, build := range map[string]func(x *Node) *Node{
		"[time, batch, width]":    func(x *Node) *Node { return CausalSelfAttention(scope(), Reshape(x, 2, -1), 2, 0) },
		"number of heads is 3":    func(x *Node) *Node { return CausalSelfAttention(scope(), x, 3, 0) },
		"number of heads is 0":    func(x *Node) *Node { return TransformerLayer{FeedForward: 4}.Apply(scope(), x) },
		"feed-forward width is 0": func(x *Node) *Node { return TransformerLayer{Heads: 2}.Apply(scope(), x) },
		"must be floats":          func(x *Node) *Node { return LayerNorm(scope(), ConvertDType(x, dtypes.Int32)) },
		"time is 0 and width 4":   func(x *Node) *Node { return SinusoidalPositions(x.Graph(), x.DType(), 0, 4) },
	} {
		graphtest.MustFail(t, enginetest.Backend(t, "go"), func(g *Graph) *Node {
			return build(Zeros(g, shapes.Make(dtypes.Float32, 2, 2, 4)))
		}, want)
	}
}
