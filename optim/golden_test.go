package optim_test

import (
	"testing"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/ml/model"

	"github.com/kafisto/kafisto/internal/engine/enginetest"
	"github.com/kafisto/kafisto/internal/golden"
	"github.com/kafisto/kafisto/internal/golden/goldengraph"
	"github.com/kafisto/kafisto/optim"
	"github.com/kafisto/kafisto/schedule"
)

// tolerance is the for the graph optimizers, in golden.RelativeError.
const tolerance = 1e-7

// TestGoldenBaselines follows the trajectories that PyTorch's own optimizers
// made.
func TestGoldenBaselines(t *testing.T) {
	golden.Each(t, func(tr *golden.Trajectory) bool { return tr.Options.Baseline() }, func(t *testing.T, tr *golden.Trajectory) {
		enginetest.Each(t, func(t *testing.T, backend compute.Backend) { follow(t, backend, tr) })
	})
}

func follow(t *testing.T, backend compute.Backend, tr *golden.Trajectory) {
	opt := fromOptions(t, tr)
	store := model.NewStore()
	exec, err := model.NewExec(backend, store, func(scope *model.Scope, x, labels *graph.Node) []*graph.Node {
		scope.SetTraining(x.Graph(), true)
		losses := goldengraph.Losses(labels, goldengraph.Logits(scope, tr, x))
		loss := graph.ReduceAllMean(losses)
		opt.UpdateGraph(scope, x.Graph(), loss)
		return []*graph.Node{loss, graph.ReduceAllMean(graph.Square(losses))}
	})
	if err != nil {
		t.Fatal(err)
	}
	defer exec.Finalize()
	var parameters [][]float64
	for step, want := range tr.Log {
		x, labels := goldengraph.Batch(tr, step, dtypes.Float64)
		got, err := exec.Exec(x, labels)
		if err != nil {
			t.Fatal(err)
		}
		golden.Check(t, step, "loss", goldengraph.Float64s(got[0]), []float64{want.Loss}, tolerance)
		golden.Check(t, step, "mean squared loss", goldengraph.Float64s(got[1]), []float64{want.LossSquareMean}, tolerance)
		if parameters, err = goldengraph.Parameters(store.RootScope(), tr, dtypes.Float64); err != nil {
			t.Fatal(err)
		}
		golden.Check(t, step, "parameter norms", golden.Norms(parameters), want.ParamNorms, tolerance)
	}
	for i, want := range tr.Final {
		golden.Check(t, tr.Steps, "final parameters", parameters[i], want, tolerance)
	}
}

// fromOptions makes the optimizer that a trajectory's options describe; what
// they leave out has our defaults, which have to be PyTorch's.
func fromOptions(t *testing.T, tr *golden.Trajectory) *optim.Optimizer {
	t.Helper()
	o := tr.Options
	b := map[string]*optim.Builder{golden.SGD: optim.SGD(), golden.Adam: optim.Adam(), golden.AdamW: optim.AdamW()}[o.Algorithm]
	if o.LR != nil {
		b.LearningRate(*o.LR)
	}
	if o.Schedule != nil {
		rates, err := schedule.PerStep(o.Schedule)
		if err != nil {
			t.Fatal(err)
		}
		b.LearningRateSchedule(rates)
	}
	if o.WeightDecay != nil {
		b.WeightDecay(*o.WeightDecay)
	}
	if o.Momentum != nil {
		b.Momentum(*o.Momentum)
	}
	if o.Nesterov != nil {
		b.Nesterov(*o.Nesterov)
	}
	if o.Betas != nil {
		b.Betas(o.Betas[0], o.Betas[1])
	}
	if o.Eps != nil {
		b.Epsilon(*o.Eps)
	}
	opt, err := b.Done()
	if err != nil {
		t.Fatal(err)
	}
	return opt
}
