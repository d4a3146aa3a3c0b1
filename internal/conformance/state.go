package conformance

import (
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

// keepsForm: from the first step on, no variable changes its shape or dtype,
// none is added, the graph is built once, parameters keep their dtype, and
// nothing but them is trainable.
func keepsForm(t *testing.T, s suite) {
	for _, dtype := range []dtypes.DType{dtypes.Float32, dtypes.Float64} {
		store := model.NewStore()
		r := s.start(t, convex(), dtype, s.make(t, "test"), store, "/net").steps(0, 1)
		first := shapesOf(store)
		r.steps(1, 4)
		now := shapesOf(store)
		if len(now) != len(first) {
			t.Errorf("there are %d variables after 4 steps, %d after the first", len(now), len(first))
		}
		for path, shape := range first {
			if now[path] != shape {
				t.Errorf("%s is %s after 4 steps, %s after the first", path, now[path], shape)
			}
		}
		if r.builds != 1 {
			t.Errorf("4 steps built %d graphs", r.builds)
		}
		checkTrainable(t, store, "/net")
		for _, v := range goldengraph.Variables(store.Scope("/net"), r.tr, dtype) {
			if v.DType() != dtype {
				t.Errorf("%s became %s, it was %s", v.Path(), v.DType(), dtype)
			}
		}
	}
}

func shapesOf(store *model.Store) map[string]string {
	shapes := map[string]string{}
	for v := range store.IterVariables() {
		shapes[v.Path()] = v.Shape().String()
	}
	return shapes
}

// checkTrainable: the network's variables are trainable, the state is not. The
// random number generator's state is not the optimizer's to mark.
func checkTrainable(t *testing.T, store *model.Store, scope string) {
	t.Helper()
	for v := range store.IterVariables() {
		if v.Name() != model.RNGStateVariableName && v.Trainable != strings.HasPrefix(v.Path(), scope+"/") {
			t.Errorf("%s: trainable is %t", v.Path(), v.Trainable)
		}
	}
}

// loader gives a store saved variables when they are asked for, as GoMLX's
// checkpoints do.
type loader map[string]*tensors.Tensor

func (l loader) LoadVariable(_ *model.Store, path string) (*tensors.Tensor, bool) {
	value, found := l[path]
	return value, found
}

func (l loader) DeleteVariable(_ *model.Store, path string) error {
	delete(l, path)
	return nil
}

// restored returns a store that loads the variables of another.
func restored(t *testing.T, from *model.Store) *model.Store {
	t.Helper()
	store := model.NewStore()
	store.SetLoader(loader(snapshot(t, from)))
	return store
}

// resumes: stopping and loading everything from a checkpoint changes nothing,
// to the bit, the random state of a model with noise included. (GoMLX restores
// every variable as trainable.)
func resumes(t *testing.T, s suite) {
	tr := convex()
	noisy := func(scope *model.Scope, _ any, inputs []*graph.Node) []*graph.Node {
		x := inputs[0]
		noise := graph.MulScalar(scope.RandomUniform(x.Graph(), x.Shape()), 0.1)
		return []*graph.Node{goldengraph.Logits(scope, tr, graph.Add(x, noise))}
	}
	begin := func(store *model.Store) *run {
		return s.startWith(t, tr, dtypes.Float32, s.make(t, "test"), store, "/net", noisy)
	}
	seeded := func() *model.Store {
		store := model.NewStore()
		if err := store.SetRNGStateFromSeed(7); err != nil {
			t.Fatal(err)
		}
		return store
	}
	straight := seeded()
	begin(straight).steps(0, 6)

	stopped := seeded()
	begin(stopped).steps(0, 3)
	resumed := restored(t, stopped)
	begin(resumed).steps(3, 6)
	sameBits(t, snapshot(t, resumed), snapshot(t, straight))
	checkTrainable(t, resumed, "/net")
}

// takesBatchSize: a minibatch of another size builds another graph and goes on
// with the same state.
func takesBatchSize(t *testing.T, s suite) {
	tr := convex()
	halves := *tr
	halves.Batch, halves.Steps = tr.Batch/2, 2*tr.Steps

	one := model.NewStore()
	o := s.make(t, "test")
	r := s.start(t, tr, dtypes.Float32, o, one, "/net").steps(0, 3)
	two := restored(t, one)
	r.tr = &halves
	r.steps(6, 7)
	if r.builds != 2 {
		t.Errorf("two batch sizes built %d graphs", r.builds)
	}
	s.start(t, &halves, dtypes.Float32, s.make(t, "test"), two, "/net").steps(6, 7)
	sameBits(t, snapshot(t, one), snapshot(t, two))
}

// worksWithTrainer: GoMLX's trainer gives what steps by hand give, and its
// evaluation sees the updated parameters and changes nothing.
func worksWithTrainer(t *testing.T, s suite) {
	tr := convex()
	byHand := s.start(t, tr, dtypes.Float64, s.make(t, "test"), model.NewStore(), "/").steps(0, 4).parameters()

	store, o := model.NewStore(), s.make(t, "test")
	trainer := train.NewTrainer(s.backend, store, o.WrapModel(networkOf(tr)), o.WrapLoss(losses), o, nil, nil)
	for k := range 4 {
		if _, err := trainer.TrainStep(minibatch(tr, k)); err != nil {
			t.Fatal(err)
		}
	}
	parameters := func() [][]float64 {
		values, err := goldengraph.Parameters(store.RootScope(), tr, dtypes.Float64)
		if err != nil {
			t.Fatal(err)
		}
		return values
	}
	check := func(when string) {
		for i, values := range parameters() {
			golden.Check(t, 4, when, values, byHand[i], 1e-9)
		}
	}
	check("after training")
	evaluated, err := trainer.EvalStep(minibatch(tr, 5))
	if err != nil {
		t.Fatal(err)
	}
	loss, _, _ := tr.Network().LossAndGradients(byHand, 5)
	golden.Check(t, 5, "evaluated loss", goldengraph.Float64s(evaluated[0]), []float64{loss}, 1e-9)
	check("after evaluation")
}

func minibatch(tr *golden.Trajectory, step int) train.Batch {
	x, labels := goldengraph.Batch(tr, step, dtypes.Float64)
	return train.Batch{Inputs: []*tensors.Tensor{x}, Labels: []*tensors.Tensor{labels}}
}
