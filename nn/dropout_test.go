package nn

import (
	"math"
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

// dropOnes builds two dropouts, of rates 0.65 and 0.1, of [100, 200] ones of a number type, and the
// gradient of the first one's sum, all in double precision.
func dropOnes(backend compute.Backend, store *model.Store, dtype dtypes.DType, training bool) *model.Exec {
	return model.MustNewExec(backend, store, func(scope *model.Scope, g *Graph) (out []*Node) {
		scope.Store().SetTraining(g, training)
		x := Ones(g, shapes.Make(dtype, 100, 200))
		first, second := Dropout(scope, x, 0.65), Dropout(scope, x, 0.1)
		for _, y := range []*Node{first, second, Gradient(ReduceAllSum(first), x)[0]} {
			out = append(out, ConvertDType(y, dtypes.Float64))
		}
		return out
	})
}

// seeded is a store with a random state.
func seeded(t *testing.T, seed int64) *model.Store {
	t.Helper()
	store := model.NewStore()
	if err := store.SetRNGStateFromSeed(seed); err != nil {
		t.Fatal(err)
	}
	return store
}

// content is the numbers of tensors.
func content(all []*tensors.Tensor) (numbers [][]float64) {
	for _, one := range all {
		numbers = append(numbers, graphtest.Of(one).Flat)
	}
	return numbers
}

// TestDropout: each number is dropped or scaled, at the rate, row by row and column by column too, and
// the gradient by the same mask; masks of a graph and of its runs differ; number types do not matter.
func TestDropout(t *testing.T) {
	enginetest.Each(t, func(t *testing.T, backend compute.Backend) {
		exec := dropOnes(backend, seeded(t, 1), dtypes.Float32, true)
		got, next := content(exec.MustCall()), content(exec.MustCall())
		for i, rate := range []float64{0.65, 0.1} {
			kept, rows, columns := 0.0, make([]float64, 100), make([]float64, 200)
			for at, v := range got[i] {
				switch {
				case math.Abs(v-1/(1-rate)) < 1e-6:
					kept++
					rows[at/200]++
					columns[at%200]++
				case v != 0:
					t.Fatalf("rate %g makes %g of 1", rate, v)
				}
			}
			// Five deviations of a binomial distribution.
			check := func(what string, kept float64, n int) {
				if math.Abs(kept-(1-rate)*float64(n)) > 5*math.Sqrt(rate*(1-rate)*float64(n)) {
					t.Errorf("rate %g keeps %g of %d numbers of %s", rate, kept, n, what)
				}
			}
			check("all", kept, 20000)
			check("the fullest row", slices.Max(rows), 200)
			check("the emptiest row", slices.Min(rows), 200)
			check("the fullest column", slices.Max(columns), 100)
			check("the emptiest column", slices.Min(columns), 100)
		}
		if !slices.Equal(got[2], got[0]) {
			t.Error("the gradient has another mask")
		}
		both := 0
		for i := range got[0] {
			if got[0][i] != 0 && next[0][i] != 0 {
				both++
			}
		}
		if expected := 20000 * 0.35 * 0.35; math.Abs(float64(both)-expected) > 5*math.Sqrt(expected) {
			t.Errorf("%d numbers stay in both of two steps, %g are expected", both, expected)
		}
		double := content(dropOnes(backend, seeded(t, 1), dtypes.Float64, true).MustCall())
		for i, v := range double[0] {
			if (v == 0) != (got[0][i] == 0) {
				t.Fatal("double precision has another mask")
			}
		}
	})
}

// TestDropoutResumes: a program that goes on from a saved state goes on with the same masks.
func TestDropoutResumes(t *testing.T) {
	enginetest.Each(t, func(t *testing.T, backend compute.Backend) {
		store := seeded(t, 2)
		exec := dropOnes(backend, store, dtypes.Float32, true)
		exec.MustCall()
		state := store.RootScope().GetVariable(model.RNGStateVariableName).MustValue()
		saved := tensors.FromValue(tensors.MustCopyFlatData[uint64](state))
		want := content(exec.MustCall())

		again := seeded(t, 99)
		resumed := dropOnes(backend, again, dtypes.Float32, true)
		resumed.MustCall()
		if err := again.RootScope().GetVariable(model.RNGStateVariableName).SetValue(saved); err != nil {
			t.Fatal(err)
		}
		for i, got := range content(resumed.MustCall()) {
			if !slices.Equal(got, want[i]) {
				t.Errorf("result %d differs after the state was put back", i)
			}
		}
	})
}

// TestDropoutOutsideOfTraining: the identity, which does not touch the random state; as with rate 0.
func TestDropoutOutsideOfTraining(t *testing.T) {
	enginetest.Each(t, func(t *testing.T, backend compute.Backend) {
		store := seeded(t, 3)
		for _, result := range content(dropOnes(backend, store, dtypes.Float32, false).MustCall()) {
			if slices.Min(result) != 1 || slices.Max(result) != 1 {
				t.Error("numbers were changed")
			}
		}
		model.MustNewExec(backend, store, func(scope *model.Scope, g *Graph) *Node {
			scope.Store().SetTraining(g, true)
			x := Ones(g, shapes.Make(dtypes.Float32, 2))
			if Dropout(scope, x, 0) != x {
				t.Error("rate 0 is not the identity")
			}
			return x
		}).MustCall()
		value := func(store *model.Store) []uint64 {
			return tensors.MustCopyFlatData[uint64](store.RootScope().GetVariable(model.RNGStateVariableName).MustValue())
		}
		if !slices.Equal(value(store), value(seeded(t, 3))) {
			t.Error("the random state has moved")
		}
	})
}

func TestDropoutRefusesRates(t *testing.T) {
	for _, rate := range []float64{-0.1, 1, math.NaN()} {
		graphtest.MustFail(t, enginetest.Backend(t, "go"), func(g *Graph) *Node {
			return Dropout(model.NewStore().RootScope(), Zeros(g, shapes.Make(dtypes.Float32, 2)), rate)
		}, "it must be at least 0 and below 1")
	}
}
