package nn

import (
	"math"
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

// words are numbers below 5, some of them several times, some never.
var words = [][]int32{{3, 0, 3}, {1, 3, 0}}

// plainEmbedding is Embedding by matrix products with one-hot rows, which automatic differentiation
// takes care of.
type plainEmbedding struct{ table, biases *Node }

func (e plainEmbedding) Lookup(words *Node) *Node {
	vocabulary, size := e.table.Shape().Dimensions[0], e.table.Shape().Dimensions[1]
	vectors := Dot(OneHot(Reshape(words, -1), vocabulary, e.table.DType()), e.table).Product()
	return Reshape(vectors, append(slices.Clone(words.Shape().Dimensions), size)...)
}

func (e plainEmbedding) Logits(x *Node) *Node {
	product := Dot(Reshape(x, -1, e.table.Shape().Dimensions[1]), Transpose(e.table, 0, 1)).Product()
	return Add(product, Reshape(e.biases, 1, -1))
}

// embedder is what losses are made of in these tests.
type embedder interface {
	Lookup(words *Node) *Node
	Logits(x *Node) *Node
}

// embeddingLosses are uses of a table, by name, of words [2, 3] and features [2, 3, 4].
var embeddingLosses = map[string]func(e embedder, words, x *Node) *Node{
	"lookup": func(e embedder, words, x *Node) *Node { return ReduceAllSum(Mul(Square(e.Lookup(words)), x)) },
	"logits": func(e embedder, words, x *Node) *Node { return ReduceAllSum(Exp(e.Logits(x))) },
	"tied": func(e embedder, words, x *Node) *Node {
		return ReduceAllSum(Exp(e.Logits(Mul(x, e.Lookup(words)))))
	},
	"logits before lookup": func(e embedder, words, x *Node) *Node {
		logits := e.Logits(x)
		return Add(ReduceAllSum(Exp(logits)), ReduceAllSum(Mul(Square(e.Lookup(words)), x)))
	},
	"two lookups, two products": func(e embedder, words, x *Node) *Node {
		y := Mul(e.Lookup(words), e.Lookup(AddScalar(words, 1)))
		return ReduceAllSum(Mul(Exp(e.Logits(Mul(x, y))), Sin(e.Logits(x))))
	},
	"two lookups alone": func(e embedder, words, x *Node) *Node {
		return ReduceAllSum(Mul(x, Mul(e.Lookup(words), Square(e.Lookup(AddScalar(words, 1))))))
	},
	"gradient stops behind the lookup": func(e embedder, words, x *Node) *Node {
		return ReduceAllSum(Exp(e.Logits(Mul(x, StopGradient(e.Lookup(words))))))
	},
	"gradient stops behind the product": func(e embedder, words, x *Node) *Node {
		y := e.Lookup(words)
		return ReduceAllSum(Mul(Reshape(Square(y), 6, 4), Slice(StopGradient(e.Logits(y)), AxisRange(), AxisRange(0, 4))))
	},
}

// runEmbedding runs fn in double precision, for training, with an embedding of a table [5, 4] and biases [5].
func runEmbedding(t *testing.T, backend compute.Backend, x graphtest.Array, fn func(e *Embedding, table, biases, words, x *Node) []*Node) []graphtest.Array {
	t.Helper()
	r := rand.New(rand.NewPCG(5, 6))
	store := model.NewStore()
	scope := store.RootScope()
	scope.VariableWithValue("embeddings", graphtest.Random(r, 5, 4).Tensor())
	scope.VariableWithValue("biases", graphtest.Random(r, 5).Tensor())
	exec := model.MustNewExec(backend, store, func(scope *model.Scope, words, x *Node) []*Node {
		g := x.Graph()
		scope.Store().SetTraining(g, true)
		e := NewEmbedding(scope, g, dtypes.Float64, 5, 4, nil)
		return fn(e, scope.GetVariable("embeddings").NodeValue(g), scope.GetVariable("biases").NodeValue(g), words, x)
	})
	results, err := exec.Call(words, x.Tensor())
	if err != nil {
		t.Fatal(err)
	}
	arrays := make([]graphtest.Array, len(results))
	for i, result := range results {
		arrays[i] = graphtest.Of(result)
	}
	return arrays
}

// TestEmbedding holds values, gradients and gradients of a gradient penalty against the one-hot form,
// where the gradients of both forms are taken in one graph, and those of Embedding twice, first
// without the table.
func TestEmbedding(t *testing.T) {
	x := graphtest.Random(rand.New(rand.NewPCG(1, 2)), 2, 3, 4)
	enginetest.Each(t, func(t *testing.T, backend compute.Backend) {
		for name, loss := range embeddingLosses {
			got := runEmbedding(t, backend, x, func(e *Embedding, table, biases, words, x *Node) (out []*Node) {
				for _, form := range []embedder{e, plainEmbedding{table, biases}} {
					y := loss(form, words, x)
					alone := Gradient(y, x)[0]
					slopes := Gradient(y, x, table, biases)
					penalty := ScalarZero(x.Graph(), x.DType())
					for _, slope := range slopes {
						penalty = Add(penalty, ReduceAllSum(Square(slope)))
					}
					out = append(append(append(out, y, alone), slopes...), Gradient(penalty, x, table, biases)...)
				}
				return out
			})
			for i, what := range []string{"loss", "for x alone", "for x", "for the table", "for the biases", "x twice", "table twice", "biases twice"} {
				graphtest.MustMatch(t, name+": "+what, got[i], got[i+len(got)/2], 1e-9)
			}
		}
	})
}

// TestEmbeddingGradientInPlace: the gradient of a tied table is the product's, into which the words'
// rows are scattered; no second array of the table's shape is added.
func TestEmbeddingGradientInPlace(t *testing.T) {
	x := graphtest.Random(rand.New(rand.NewPCG(1, 2)), 2, 3, 4)
	enginetest.Each(t, func(t *testing.T, backend compute.Backend) {
		runEmbedding(t, backend, x, func(e *Embedding, table, biases, words, x *Node) []*Node {
			y := ReduceAllSum(e.Logits(Mul(e.Lookup(words), e.Lookup(words))))
			gradient := Gradient(y, table)[0]
			outer := gradient.Inputs()[0]
			if gradient.Type() != NodeTypeScatterSum || outer.Type() != NodeTypeScatterSum || outer.Inputs()[0].Type() == NodeTypeAdd {
				t.Errorf("the gradient is %s of %s", gradient, outer)
			}
			return []*Node{gradient}
		})
	})
}

// TestEmbeddingSinglePrecision holds the tied cross entropy and its gradients in float32 against the
// one-hot form in double precision, at a size of several parts of the kernels and with many equal
// words, and wants the same bits of two calls.
func TestEmbeddingSinglePrecision(t *testing.T) {
	const vocabulary, size, n = 403, 17, 77
	r := rand.New(rand.NewPCG(3, 4))
	table, x := graphtest.Random(r, vocabulary, size), graphtest.Random(r, n, size)
	numbers := make([]int32, n)
	for i := range numbers {
		numbers[i] = int32(r.IntN(20))
	}
	loss := func(e embedder, words, x *Node) *Node {
		return FusedSoftmaxCrossEntropy(e.Logits(Mul(x, Add(e.Lookup(words), e.Lookup(AddScalar(words, 1))))), words)
	}
	exact := graphtest.Run(t, enginetest.Backend(t, "go"), func(in []*Node) []*Node {
		x, e := in[0], plainEmbedding{in[1], Zeros(in[0].Graph(), shapes.Make(dtypes.Float64, vocabulary))}
		y := loss(e, Const(x.Graph(), numbers), x)
		return append([]*Node{y}, Gradient(ReduceAllMean(y), x, e.table, e.biases)...)
	}, x, table)
	enginetest.Each(t, func(t *testing.T, backend compute.Backend) {
		store := model.NewStore()
		single := make([]float32, len(table.Flat))
		for i, v := range table.Flat {
			single[i] = float32(v)
		}
		store.RootScope().VariableWithValue("embeddings", tensors.FromFlatDataAndDimensions(single, table.Dims...))
		exec := model.MustNewExec(backend, store, func(scope *model.Scope, words, x *Node) []*Node {
			g := x.Graph()
			scope.Store().SetTraining(g, true)
			e := NewEmbedding(scope, g, dtypes.Float32, vocabulary, size, nil)
			x = ConvertDType(x, dtypes.Float32)
			y := loss(e, words, x)
			of := func(name string) *Node { return scope.GetVariable(name).NodeValue(g) }
			out := append([]*Node{y}, Gradient(ReduceAllMean(y), x, of("embeddings"), of("biases"))...)
			for i := range out {
				out[i] = ConvertDType(out[i], dtypes.Float64)
			}
			return out
		})
		got, again := exec.MustCall(numbers, x.Tensor()), exec.MustCall(numbers, x.Tensor())
		for i, what := range []string{"losses", "for x", "for the table", "for the biases"} {
			graphtest.MustMatch(t, what, graphtest.Of(got[i]), exact[i], 2e-6)
			if !slices.Equal(graphtest.Of(got[i]).Flat, graphtest.Of(again[i]).Flat) {
				t.Errorf("%s: two calls differ", what)
			}
		}
	})
}

// TestTransposedProduct has a result with fewer and with more columns than the factors have rows.
func TestTransposedProduct(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 8))
	enginetest.Each(t, func(t *testing.T, backend compute.Backend) {
		for _, narrow := range []int{3, 6} {
			a, b := graphtest.Random(r, 5, 8), graphtest.Random(r, 5, narrow)
			want := graphtest.Zeros(8, narrow)
			for i, v := range a.Flat {
				for k := range narrow {
					want.Flat[i%8*narrow+k] += v * b.Flat[i/8*narrow+k]
				}
			}
			got := graphtest.Run(t, backend, func(in []*Node) []*Node { return []*Node{transposedProduct(in[0], in[1])} }, a, b)
			graphtest.MustMatch(t, "product", got[0], want, 1e-14)
		}
	})
}

// TestEmbeddingStart: within the bound, all over it, the same for the same seed; biases are zero.
func TestEmbeddingStart(t *testing.T) {
	enginetest.Each(t, func(t *testing.T, backend compute.Backend) {
		start := func() (table, biases []float32) {
			store := model.NewStore()
			if err := store.SetRNGStateFromSeed(3); err != nil {
				t.Fatal(err)
			}
			exec := model.MustNewExec(backend, store, func(scope *model.Scope, x *Node) *Node {
				return NewEmbedding(scope, x.Graph(), dtypes.Float32, 100, 20, nil).Logits(x)
			})
			exec.MustCall(tensors.FromShape(shapes.Make(dtypes.Float32, 1, 20)))
			value := func(name string) []float32 {
				variable := store.RootScope().GetVariable(name)
				if !variable.Trainable {
					t.Errorf("%s is not trainable", name)
				}
				return tensors.MustCopyFlatData[float32](variable.MustValue())
			}
			return value("embeddings"), value("biases")
		}
		table, biases := start()
		sum := 0.0
		for _, v := range table {
			sum += float64(v) * float64(v)
		}
		if deviation := math.Sqrt(sum / 2000); slices.Max(table) > 0.1 || slices.Min(table) < -0.1 || math.Abs(deviation-0.1/math.Sqrt(3)) > 0.002 {
			t.Errorf("embeddings from %g to %g with deviation %g", slices.Min(table), slices.Max(table), deviation)
		}
		if slices.Max(biases) != 0 || slices.Min(biases) != 0 {
			t.Error("biases do not start at zero")
		}
		if again, _ := start(); !slices.Equal(table, again) {
			t.Error("the same seed gives other embeddings")
		}
	})
}

// TestEmbeddingOutOfRange: words beyond the table are the nearest ones, forward and backward.
func TestEmbeddingOutOfRange(t *testing.T) {
	x := graphtest.Random(rand.New(rand.NewPCG(1, 2)), 2, 3, 4)
	enginetest.Each(t, func(t *testing.T, backend compute.Backend) {
		got := runEmbedding(t, backend, x, func(e *Embedding, table, biases, words, x *Node) (out []*Node) {
			for _, numbers := range [][][]int32{{{-1, 5, math.MaxInt32}, {math.MinInt32, 4, 0}}, {{0, 4, 4}, {0, 4, 0}}} {
				y := e.Lookup(Const(x.Graph(), numbers))
				out = append(out, y, Gradient(ReduceAllSum(Mul(y, x)), table)[0])
			}
			return out
		})
		graphtest.MustMatch(t, "vectors", got[0], got[2], 0)
		graphtest.MustMatch(t, "gradient", got[1], got[3], 0)
	})
}

func TestEmbeddingRefusesWrongUse(t *testing.T) {
	backend := enginetest.Backend(t, "go")
	make53 := func(g *Graph, dtype dtypes.DType) *Embedding {
		return NewEmbedding(model.NewStore().RootScope(), g, dtype, 5, 3, nil)
	}
	for want, build := range map[string]func(x *Node) *Node{
		"a table of 0 words": func(x *Node) *Node {
			NewEmbedding(model.NewStore().RootScope(), x.Graph(), dtypes.Float32, 0, 3, nil)
			return x
		},
		"numbers of type Int32":     func(x *Node) *Node { make53(x.Graph(), dtypes.Int32); return x },
		"words must be integers":    func(x *Node) *Node { return make53(x.Graph(), dtypes.Float32).Lookup(x) },
		"logits of (Float32)[2, 2]": func(x *Node) *Node { return make53(x.Graph(), dtypes.Float32).Logits(x) },
		"the bound is -1":           func(x *Node) *Node { return UniformIn(model.NewStore().RootScope(), -1)(x.Graph(), x.Shape()) },
	} {
		graphtest.MustFail(t, backend, func(g *Graph) *Node { return build(Zeros(g, shapes.Make(dtypes.Float32, 2, 2))) }, want)
	}
}
