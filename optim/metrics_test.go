package optim_test

import (
	"math"
	"testing"

	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"
	"github.com/gomlx/gomlx/ml/train"

	"github.com/kafisto/kafisto/internal/engine"
	"github.com/kafisto/kafisto/internal/engine/enginetest"
	"github.com/kafisto/kafisto/internal/golden/goldengraph"
	"github.com/kafisto/kafisto/optim"
)

// TestMetrics: the loss 3a + 4b has a gradient of norm 5.
func TestMetrics(t *testing.T) {
	opt := optim.SGD().LearningRate(0.25).MustDone()
	line := func(scope *model.Scope, x *graph.Node) *graph.Node {
		return graph.Mul(x, scope.VariableWithValue("w", []float64{1, 1}).NodeValue(x.Graph()))
	}
	sum := func(_, predictions []*graph.Node) *graph.Node { return graph.ReduceAllSum(predictions[0]) }
	trainer := train.NewTrainer(enginetest.Backend(t, engine.Go), model.NewStore(), line, sum, opt, opt.Metrics(), nil)
	for range 2 {
		metrics, err := trainer.TrainStep(train.Batch{Inputs: []*tensors.Tensor{tensors.FromValue([]float64{3, 4})}})
		if err != nil {
			t.Fatal(err)
		}
		rate, norm := goldengraph.Float64s(metrics[2])[0], goldengraph.Float64s(metrics[3])[0]
		if rate != 0.25 || math.Abs(norm-5) > 1e-12 {
			t.Errorf("learning rate %g and gradient norm %g, want 0.25 and 5", rate, norm)
		}
	}
}
