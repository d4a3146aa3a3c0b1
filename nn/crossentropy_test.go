package nn

import (
	"math"
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

// plainCrossEntropy is the definition, with one-hot labels and gradients by automatic differentiation.
func plainCrossEntropy(logits, labels *Node) *Node {
	chosen := OneHot(Reshape(labels, -1), logits.Shape().Dimensions[1], logits.DType())
	return Neg(ReduceSum(Mul(chosen, LogSoftmax(logits, -1)), -1))
}

// TestSoftmaxCrossEntropy holds values, gradients and gradients of a gradient penalty against the
// definition, with labels of several shapes, some of them out of range.
func TestSoftmaxCrossEntropy(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 3))
	enginetest.Each(t, func(t *testing.T, backend compute.Backend) {
		for _, labels := range []any{[]int32{3, 0, 6, 3}, [][]int32{{1, -1}, {7, 2}}, [][]int64{{5}, {5}, {7}, {0}}} {
			logits, adjoint := graphtest.Random(r, 4, 7), graphtest.Random(r, 4)
			for i := range 7 {
				logits.Flat[i] *= 1e4
			}
			got := graphtest.Run(t, backend, func(in []*Node) (out []*Node) {
				for _, form := range []func(logits, labels *Node) *Node{SoftmaxCrossEntropy, plainCrossEntropy} {
					y := form(in[0], Const(in[0].Graph(), labels))
					slopes := Gradient(ReduceAllSum(Mul(Square(y), in[1])), in...)
					penalty := Add(ReduceAllSum(Square(slopes[0])), ReduceAllSum(Mul(slopes[1], in[1])))
					out = append(append(append(out, y), slopes...), Gradient(penalty, in...)...)
				}
				return out
			}, logits, adjoint)
			for i, what := range []string{"loss", "for logits", "for weights", "logits twice", "weights twice"} {
				graphtest.MustMatch(t, what, got[i], got[i+5], 1e-9)
			}
		}
	})
}

// TestSoftmaxCrossEntropyExtremes: impossible classes cost nothing unless they are the label; the loss
// of a certain class is 0, that of one far below is its distance.
func TestSoftmaxCrossEntropyExtremes(t *testing.T) {
	inf := math.Inf(1)
	logits := graphtest.Array{Dims: []int{4, 3}, Flat: []float64{1e4, -1e4, 0, 1e4, -1e4, 0, -inf, 2, -inf, 5, -inf, 5}}
	enginetest.Each(t, func(t *testing.T, backend compute.Backend) {
		for _, dtype := range []dtypes.DType{dtypes.Float32, dtypes.Float64} {
			got := graphtest.Run(t, backend, inDType(dtype, func(in []*Node) []*Node {
				y := SoftmaxCrossEntropy(in[0], Const(in[0].Graph(), []int32{0, 1, 1, 1}))
				return []*Node{y, Gradient(ReduceAllSum(Slice(y, AxisRange(0, 3))), in[0])[0]}
			}), logits)
			if last := &got[0].Flat[3]; !math.IsInf(*last, 1) {
				t.Errorf("%s: the loss of an impossible class is %g", dtype, *last)
			} else {
				*last = 9
			}
			graphtest.MustMatch(t, "losses", got[0], graphtest.Array{Dims: []int{4}, Flat: []float64{0, 2e4, 0, 9}}, 0)
			graphtest.MustMatch(t, "gradient", got[1], graphtest.Array{Dims: []int{4, 3}, Flat: []float64{0, 0, 0, 1, -1, 0, 0, 0, 0, 0, 0, 0}}, 1e-37)
		}
	})
}

// TestNativeCrossEntropyTwice takes gradients of a gradient penalty through the kernels, with and
// without biases, and holds them against the definition in double precision.
func TestNativeCrossEntropyTwice(t *testing.T) {
	fast, exact := withKernels(t), enginetest.Backend(t, "go")
	r := rand.New(rand.NewPCG(2, 4))
	inputs := []graphtest.Array{graphtest.Random(r, 40, 19), graphtest.Random(r, 19), graphtest.Random(r, 40)}
	labels := make([]int32, 40)
	for i := range labels {
		labels[i] = int32(r.IntN(21)) - 1
	}
	for _, biased := range []bool{false, true} {
		build := func(in []*Node) []*Node {
			logits, biases, weights := in[0], in[1], in[2]
			wanted, node := []*Node{logits, weights}, Const(logits.Graph(), labels)
			if biased {
				wanted = append(wanted, biases)
			} else {
				biases = nil
			}
			var y *Node
			switch {
			case logits.DType() == dtypes.Float32:
				y = nativeCrossEntropy(logits, biases, node)
			case biased:
				y = plainCrossEntropy(Add(logits, InsertAxes(biases, 0)), node)
			default:
				y = plainCrossEntropy(logits, node)
			}
			slopes := Gradient(ReduceAllSum(Mul(Square(y), weights)), wanted...)
			penalty := ScalarZero(y.Graph(), y.DType())
			for _, slope := range slopes {
				penalty = Add(penalty, ReduceAllSum(Square(slope)))
			}
			return append(append(slopes, y), Gradient(penalty, wanted...)...)
		}
		got, want := graphtest.Run(t, fast, inDType(dtypes.Float32, build), inputs...), graphtest.Run(t, exact, build, inputs...)
		for i := range want {
			graphtest.MustMatch(t, "a result of the kernels", got[i], want[i], 2e-5)
		}
	}
}

func TestSoftmaxCrossEntropyRefusesWrongShapes(t *testing.T) {
	backend := enginetest.Backend(t, "go")
	float, integer := shapes.Make(dtypes.Float32, 2, 2), shapes.Make(dtypes.Int32, 2)
	for want, build := range map[string]func(g *Graph) *Node{
		"logits must be [n, classes]": func(g *Graph) *Node { return SoftmaxCrossEntropy(Reshape(Zeros(g, float), 4), Zeros(g, integer)) },
		"one integer class for each":  func(g *Graph) *Node { return SoftmaxCrossEntropy(Zeros(g, float), Zeros(g, float)) },
		"labels of shape (Int32)[1]": func(g *Graph) *Node {
			return SoftmaxCrossEntropy(Zeros(g, float), Slice(Zeros(g, integer), AxisRange(0, 1)))
		},
	} {
		graphtest.MustFail(t, backend, build, want)
	}
}

// TestCrossEntropyGradientOfLogits takes the gradient with respect to logits that an embedding has
// made, as they are and with labels that do not fit into 32 bits.
func TestCrossEntropyGradientOfLogits(t *testing.T) {
	enginetest.Each(t, func(t *testing.T, backend compute.Backend) {
		exec := model.MustNewExec(backend, model.NewStore(), func(scope *model.Scope, x *Node) []*Node {
			e := NewEmbedding(scope, x.Graph(), dtypes.Float32, 3, 2, nil)
			logits := e.Logits(x)
			loss := SoftmaxCrossEntropy(logits, Const(x.Graph(), []int64{1, 1 << 32}))
			return []*Node{Gradient(ReduceAllSum(loss), logits)[0], Softmax(logits), loss}
		})
		out := exec.MustCall([][]float32{{1, 2}, {3, -4}})
		got, softmax, loss := out[0].Value().([][]float32), out[1].Value().([][]float32), out[2].Value().([]float32)
		for class, p := range softmax[0] {
			if class == 1 {
				p--
			}
			if d := got[0][class] - p; d > 1e-5 || d < -1e-5 {
				t.Errorf("gradient %v, want softmax minus one at the label, softmax is %v", got[0], softmax[0])
			}
		}
		if got[1][0] != 0 || got[1][1] != 0 || loss[1] != 0 || loss[0] <= 0 {
			t.Errorf("losses %v and gradient %v of a label out of range", loss, got[1])
		}
	})
}
