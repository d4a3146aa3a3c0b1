package conformance

import (
	"bytes"
	"testing"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/ml/model"
	"github.com/gomlx/gomlx/ml/train"

	"github.com/kafisto/kafisto/internal/golden"
	"github.com/kafisto/kafisto/internal/golden/goldengraph"
)

// leavesFrozen: a variable that is not trainable keeps its bits, the others
// move.
func leavesFrozen(t *testing.T, s suite) {
	tr, store := convex(), model.NewStore()
	variables := goldengraph.Variables(store.Scope("/net"), tr, dtypes.Float32)
	frozen := variables[0].SetTrainable(false).Path()
	before := snapshot(t, store)
	s.start(t, tr, dtypes.Float32, s.make(t, "test"), store, "/net").steps(0, 3)
	after := snapshot(t, store)
	for path := range before {
		same := bytes.Equal(content(t, before[path]), content(t, after[path]))
		if same != (path == frozen) {
			t.Errorf("%s: frozen is %t, unchanged is %t", path, path == frozen, same)
		}
	}
}

// countsTiedOnce: xW + xW with one W is x(2W): the same state, the same
// trajectory.
func countsTiedOnce(t *testing.T, s suite) {
	tr := convex()
	form := func(logits func(x, w *graph.Node) *graph.Node) train.ModelFn {
		return func(scope *model.Scope, _ any, inputs []*graph.Node) []*graph.Node {
			x := inputs[0]
			variables := goldengraph.Variables(scope, tr, x.DType())
			w, b := variables[0].NodeValue(x.Graph()), variables[1].NodeValue(x.Graph())
			return []*graph.Node{graph.Add(logits(x, w), graph.InsertAxes(b, 0))}
		}
	}
	tied := form(func(x, w *graph.Node) *graph.Node {
		return graph.Add(graph.Dot(x, w).MatMul(), graph.Dot(x, w).MatMul())
	})
	doubled := form(func(x, w *graph.Node) *graph.Node { return graph.Dot(x, graph.MulScalar(w, 2)).MatMul() })

	one, two := model.NewStore(), model.NewStore()
	got := s.startWith(t, tr, dtypes.Float64, s.make(t, "test"), one, "/net", tied).steps(0, 5).parameters()
	want := s.startWith(t, tr, dtypes.Float64, s.make(t, "test"), two, "/net", doubled).steps(0, 5).parameters()
	for i := range want {
		golden.Check(t, 5, "parameters", got[i], want[i], 1e-9)
	}
	gotShapes := shapesOf(one)
	for path, shape := range shapesOf(two) {
		if gotShapes[path] != shape {
			t.Errorf("%s is %q when tied, want %s", path, gotShapes[path], shape)
		}
	}
	if one.NumVariables() != two.NumVariables() {
		t.Errorf("tied there are %d variables, want %d", one.NumVariables(), two.NumVariables())
	}
}

// sharesStore: two optimizers that take turns in one store each do what they
// do alone.
func sharesStore(t *testing.T, s suite) {
	tr, shared := convex(), model.NewStore()
	first := s.start(t, tr, dtypes.Float32, s.make(t, "first"), shared, "/one")
	second := s.start(t, tr, dtypes.Float32, s.make(t, "second"), shared, "/two")
	for k := range 4 {
		first.steps(k, k+1)
		second.steps(k+5, k+6)
	}
	both := snapshot(t, shared)
	for _, r := range []*run{first, second} {
		alone := model.NewStore()
		name, offset := "first", 0
		if r == second {
			name, offset = "second", 5
		}
		s.start(t, tr, dtypes.Float32, s.make(t, name), alone, r.scope).steps(offset, offset+4)
		sameBits(t, below(both, r.scope), below(snapshot(t, alone), r.scope))
	}
}
