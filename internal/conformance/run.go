package conformance

import (
	"bytes"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"
	"github.com/gomlx/gomlx/ml/train"

	"github.com/kafisto/kafisto/internal/golden"
	"github.com/kafisto/kafisto/internal/golden/goldengraph"
)

// run trains one network with steps written by hand.
type run struct {
	t      *testing.T
	tr     *golden.Trajectory
	dtype  dtypes.DType
	store  *model.Store
	scope  string // of the network's variables
	builds int    // graphs built so far
	exec   *model.Exec
}

// start prepares a run of the trajectory's network in the given scope of
// store.
func (s suite) start(t *testing.T, tr *golden.Trajectory, dtype dtypes.DType, o Optimizer, store *model.Store, scope string) *run {
	t.Helper()
	return s.startWith(t, tr, dtype, o, store, scope, networkOf(tr))
}

func (s suite) startWith(t *testing.T, tr *golden.Trajectory, dtype dtypes.DType, o Optimizer, store *model.Store, scope string, fn train.ModelFn) *run {
	t.Helper()
	r := &run{t: t, tr: tr, dtype: dtype, store: store, scope: scope}
	fn = o.WrapModel(fn)
	loss := o.WrapLoss(losses)
	exec, err := model.NewExec(s.backend, store, func(root *model.Scope, x, labels *graph.Node) *graph.Node {
		r.builds++
		g, scope := x.Graph(), root.Store().Scope(r.scope)
		scope.SetTraining(g, true)
		l := loss([]*graph.Node{labels}, fn(scope, nil, []*graph.Node{x}))
		o.UpdateGraph(scope, g, l)
		return l
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(exec.Finalize)
	r.exec = exec
	return r
}

// networkOf is the trajectory's network as a model function.
func networkOf(tr *golden.Trajectory) train.ModelFn {
	return func(scope *model.Scope, _ any, inputs []*graph.Node) []*graph.Node {
		return []*graph.Node{goldengraph.Logits(scope, tr, inputs[0])}
	}
}

func losses(labels, predictions []*graph.Node) *graph.Node {
	return goldengraph.Losses(labels[0], predictions[0])
}

// steps trains with the minibatches first to last-1.
func (r *run) steps(first, last int) *run {
	r.t.Helper()
	for k := first; k < last; k++ {
		x, labels := goldengraph.Batch(r.tr, k, r.dtype)
		if _, err := r.exec.Exec(x, labels); err != nil {
			r.t.Fatal(err)
		}
	}
	return r
}

// parameters returns the network's current parameters.
func (r *run) parameters() [][]float64 {
	r.t.Helper()
	parameters, err := goldengraph.Parameters(r.store.Scope(r.scope), r.tr, r.dtype)
	if err != nil {
		r.t.Fatal(err)
	}
	return parameters
}

// snapshot copies the values of all variables of a store, by path.
func snapshot(t *testing.T, store *model.Store) map[string]*tensors.Tensor {
	t.Helper()
	values := map[string]*tensors.Tensor{}
	for v := range store.IterVariables() {
		value, err := v.Value()
		if err == nil {
			value, err = value.LocalClone()
		}
		if err != nil {
			t.Fatalf("variable %s: %v", v.Path(), err)
		}
		values[v.Path()] = value
	}
	return values
}

// sameBits fails where two snapshots differ.
func sameBits(t *testing.T, got, want map[string]*tensors.Tensor) {
	t.Helper()
	if g, w := slices.Sorted(maps.Keys(got)), slices.Sorted(maps.Keys(want)); !slices.Equal(g, w) {
		t.Fatalf("variables are %v, want %v", g, w)
	}
	for path := range want {
		if got[path].Shape().String() != want[path].Shape().String() || !bytes.Equal(content(t, got[path]), content(t, want[path])) {
			t.Errorf("%s is %v, want the same bits as %v", path, got[path], want[path])
		}
	}
}

func content(t *testing.T, value *tensors.Tensor) (data []byte) {
	t.Helper()
	if err := value.ConstBytes(func(bytes []byte) { data = slices.Clone(bytes) }); err != nil {
		t.Fatal(err)
	}
	return data
}

// below keeps the variables of a scope.
func below(values map[string]*tensors.Tensor, scope string) map[string]*tensors.Tensor {
	kept := map[string]*tensors.Tensor{}
	for path, value := range values {
		if strings.HasPrefix(path, scope+"/") {
			kept[path] = value
		}
	}
	return kept
}
