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

// plainBatchNorm normalises with the batch's own moments; it returns them too (variance biased).
func plainBatchNorm(x graphtest.Array, scale, offset []float64) (y graphtest.Array, mean, variance []float64) {
	channels := len(scale)
	count := float64(len(x.Flat) / channels)
	mean, variance = make([]float64, channels), make([]float64, channels)
	for i, v := range x.Flat {
		mean[i%channels] += v / count
	}
	for i, v := range x.Flat {
		variance[i%channels] += (v - mean[i%channels]) * (v - mean[i%channels]) / count
	}
	y = graphtest.Zeros(x.Dims...)
	for i, v := range x.Flat {
		c := i % channels
		y.Flat[i] = (v-mean[c])/math.Sqrt(variance[c]+1e-5)*scale[c] + offset[c]
	}
	return y, mean, variance
}

func TestNormalizeGradients(t *testing.T) {
	enginetest.Each(t, func(t *testing.T, backend compute.Backend) {
		r := rand.New(rand.NewPCG(1, 1))
		x, scale, offset := graphtest.Random(r, 2, 3, 2, 2), graphtest.Random(r, 2), graphtest.Random(r, 2)
		weight := graphtest.Random(r, x.Dims...)
		build := func(in []*Node) *Node {
			mean, variance := batchMoments(in[0])
			return normalize(in[0], mean, variance, in[1], in[2])
		}
		want, _, _ := plainBatchNorm(x, scale.Flat, offset.Flat)
		got := graphtest.Run(t, backend, func(in []*Node) []*Node { return []*Node{build(in)} }, x, scale, offset)
		graphtest.MustMatch(t, "normalised", got[0], want, 1e-12)

		loss := func(in []*Node) *Node {
			return ReduceAllSum(Mul(Square(build(in)), ConstTensor(in[0].Graph(), weight.Tensor())))
		}
		graphtest.CheckGradients(t, backend, loss, x, scale, offset)
		graphtest.CheckGradients(t, backend, func(in []*Node) *Node { // the gradient of a gradient penalty
			return ReduceAllSum(Square(Gradient(loss(in), in[0])[0]))
		}, x, scale, offset)
	})
}

// TestBatchNormRunningAverages trains three steps while two other graphs evaluate the same layer,
// and holds variables and values against PyTorch's rules.
func TestBatchNormRunningAverages(t *testing.T) {
	enginetest.Each(t, func(t *testing.T, backend compute.Backend) {
		store := model.NewStore()
		build := func(training bool) *model.Exec {
			return model.MustNewExec(backend, store, func(scope *model.Scope, x *Node) *Node {
				scope.SetTraining(x.Graph(), training)
				return BatchNorm(scope.In("norm"), x)
			})
		}
		train, evaluate, other := build(true), build(false), build(false)
		r := rand.New(rand.NewPCG(2, 2))
		mean, variance := []float64{0, 0, 0}, []float64{1, 1, 1}
		ones, zeros := []float64{1, 1, 1}, []float64{0, 0, 0}
		for range 3 {
			x := graphtest.Random(r, 4, 2, 3, 3)
			want, batchMean, batchVariance := plainBatchNorm(x, ones, zeros)
			graphtest.MustMatch(t, "training", graphtest.Of(train.MustCall(x.Tensor())[0]), want, 1e-12)
			for c := range 3 {
				mean[c] = 0.9*mean[c] + 0.1*batchMean[c]
				variance[c] = 0.9*variance[c] + 0.1*batchVariance[c]*24/23
			}
			for _, exec := range []*model.Exec{evaluate, other} {
				probe := graphtest.Random(r, 1, 2, 2, 3)
				want := graphtest.Zeros(probe.Dims...)
				for i, v := range probe.Flat {
					want.Flat[i] = (v - mean[i%3]) / math.Sqrt(variance[i%3]+1e-5)
				}
				graphtest.MustMatch(t, "evaluation", graphtest.Of(exec.MustCall(probe.Tensor())[0]), want, 1e-12)
			}
			graphtest.MustMatch(t, "mean", graphtest.Of(store.GetVariable("/norm/mean").MustValue()), graphtest.Array{Dims: []int{3}, Flat: mean}, 1e-12)
			graphtest.MustMatch(t, "variance", graphtest.Of(store.GetVariable("/norm/variance").MustValue()), graphtest.Array{Dims: []int{3}, Flat: variance}, 1e-12)
		}
		for name, trainable := range map[string]bool{"scale": true, "offset": true, "mean": false, "variance": false} {
			if got := store.GetVariable("/norm/" + name).Trainable; got != trainable {
				t.Errorf("%s: trainable is %v, want %v", name, got, trainable)
			}
		}
	})
}

func TestBatchNormRefusesSingleValue(t *testing.T) {
	graphtest.MustFail(t, enginetest.Backend(t, "go"), func(g *Graph) *Node {
		scope := model.NewStore().RootScope()
		scope.SetTraining(g, true)
		return BatchNorm(scope, Zeros(g, shapes.Make(dtypes.Float32, 1, 3)))
	}, "more than one value per channel")
}
