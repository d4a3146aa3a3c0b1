package goldengraph

import (
	"testing"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/gobackend"
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/ml/model"

	"github.com/kafisto/kafisto/internal/golden"
)

// TestGraphIsTwin compares loss and gradients with the plain-Go network.
func TestGraphIsTwin(t *testing.T) {
	backend, err := gobackend.New("")
	if err != nil {
		t.Fatal(err)
	}
	golden.Own(t, func(*golden.Trajectory) bool { return true }, func(t *testing.T, tr *golden.Trajectory) {
		store := model.NewStore()
		exec, err := model.NewExec(backend, store, func(scope *model.Scope, x, labels *graph.Node) []*graph.Node {
			losses := Losses(labels, Logits(scope, tr, x))
			loss := graph.ReduceAllMean(losses)
			outputs := []*graph.Node{loss, graph.ReduceAllMean(graph.Square(losses))}
			return append(outputs, scope.BuildTrainableVariablesGradientsGraph(loss)...)
		})
		if err != nil {
			t.Fatal(err)
		}
		for _, step := range []int{0, tr.Steps - 1, tr.Steps} {
			x, labels := Batch(tr, step, dtypes.Float64)
			outputs, err := exec.Exec(x, labels)
			if err != nil {
				t.Fatal(err)
			}
			loss, square, gradients := tr.Network().LossAndGradients(tr.Init, step)
			golden.Check(t, step, "loss", Float64s(outputs[0]), []float64{loss}, 1e-10)
			golden.Check(t, step, "mean square", Float64s(outputs[1]), []float64{square}, 1e-10)
			for i, want := range gradients {
				golden.Check(t, step, "gradient", Float64s(outputs[2+i]), want, 1e-9)
			}
		}
	})
}
