package checkpoint

import (
	"math/rand/v2"
	"testing"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/dtypes"
	_ "github.com/gomlx/compute/gobackend"
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/layers"
	"github.com/gomlx/gomlx/ml/model"
	"github.com/gomlx/gomlx/ml/train/optimizer"
)

// run is a small model with dropout under Adam, on a store.
type run struct {
	store *model.Store
	exec  *model.Exec
}

func newRun(t *testing.T, backend compute.Backend, store *model.Store) *run {
	t.Helper()
	adam := optimizer.Adam().Done()
	exec, err := model.NewExec(backend, store, func(scope *model.Scope, x *Node) *Node {
		store.SetTraining(x.Graph(), true)
		hidden := Tanh(layers.Dense(scope.In("hidden"), x, true, 5))
		hidden = layers.Dropout(scope, hidden, Scalar(x.Graph(), dtypes.Float32, 0.3))
		loss := ReduceAllMean(Square(layers.Dense(scope.In("out"), hidden, true, 1)))
		adam.UpdateGraph(scope, x.Graph(), loss)
		return loss
	})
	if err != nil {
		t.Fatal(err)
	}
	return &run{store, exec}
}

// steps trains with the inputs of steps from to upto-1.
func (r *run) steps(t *testing.T, from, upto int) {
	t.Helper()
	for step := from; step < upto; step++ {
		random := rand.New(rand.NewPCG(uint64(step), 0))
		x := make([]float32, 4*3)
		for i := range x {
			x[i] = random.Float32()
		}
		if _, err := r.exec.Call(tensors.FromFlatDataAndDimensions(x, 4, 3)); err != nil {
			t.Fatal(err)
		}
	}
}

// testResume stops after each of the given steps and resumes on a fresh store, before
// the model is built, and on one where a model was built already.
func testResume(t *testing.T, config string, stops ...int) {
	backend, err := compute.NewWithConfig(config)
	if err != nil {
		t.Fatal(err)
	}
	defer backend.Finalize()
	const total = 8
	start := func(seed int64) *run {
		store := model.NewStore()
		if err := store.SetRNGStateFromSeed(seed); err != nil {
			t.Fatal(err)
		}
		return newRun(t, backend, store)
	}
	whole := start(1)
	whole.steps(t, 0, total)
	want := dump(t, whole.store)
	for _, stop := range stops {
		dir := t.TempDir()
		first := start(1)
		first.steps(t, 0, stop)
		copies := localCopies(first.store)
		if _, err := Save(dir, first.store, Meta{Step: int64(stop)}); err != nil {
			t.Fatal(err)
		}
		if n := localCopies(first.store); n != copies {
			t.Errorf("saving left %d values in the host's memory, before it were %d", n, copies)
		}
		first.steps(t, stop, total) // saving changes nothing
		if got := dump(t, first.store); got != want {
			t.Fatalf("after saving step %d\n%s\nwant\n%s", stop, got, want)
		}
		c, store := load(t, dir)
		fresh := newRun(t, backend, store)
		built := start(2)
		built.steps(t, 0, 2)
		if err := c.Restore(built.store); err != nil {
			t.Fatal(err)
		}
		for name, resumed := range map[string]*run{"fresh": fresh, "built": built} {
			resumed.steps(t, stop, total)
			if got := dump(t, resumed.store); got != want {
				t.Errorf("resumed after step %d, %s store:\n%s\nwant\n%s", stop, name, got, want)
			}
			if err := c.Covers(resumed.store); err != nil {
				t.Error(err)
			}
		}
	}
	if rng := whole.store.GetVariable("/" + model.RNGStateVariableName); rng == nil || rng.Trainable {
		t.Errorf("random state %v is missing or trainable", rng)
	}
}

func TestResumeGo(t *testing.T) { testResume(t, "go", 1, 4, 7) }

// localCopies counts the values that the host's memory has a copy of.
func localCopies(store *model.Store) int {
	n := 0
	for v := range store.IterVariables() {
		if v.MustValue().HasLocal() {
			n++
		}
	}
	return n
}
