package optim_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"
	"pgregory.net/rapid"

	"github.com/kafisto/kafisto/internal/engine"
	"github.com/kafisto/kafisto/internal/engine/enginetest"
	"github.com/kafisto/kafisto/internal/golden/goldengraph"
	"github.com/kafisto/kafisto/optim"
	"github.com/kafisto/kafisto/schedule"
)

// given is a training step whose gradients are its inputs: the loss is the sum
// of parameters times inputs. The parameters are a [2, 2] matrix and a [3]
// vector.
func given(t testing.TB, backend compute.Backend, store *model.Store, opt *optim.Optimizer, dtype dtypes.DType) func(gradients [][]float64) []*tensors.Tensor {
	t.Helper()
	exec, err := model.NewExec(backend, store, func(scope *model.Scope, matrix, vector *graph.Node) []*graph.Node {
		g := matrix.Graph()
		scope.SetTraining(g, true)
		a := scope.VariableWithValue("matrix", [][]float64{{1, -2}, {3, 0.5}})
		b := scope.VariableWithValue("vector", []float64{-1, 0.25, 2})
		if dtype != dtypes.Float64 {
			a = scope.VariableWithShape("half matrix", shapes.Make(dtype, 2, 2))
			b = scope.VariableWithShape("half vector", shapes.Make(dtype, 3))
		}
		product := func(v *model.Variable, x *graph.Node) *graph.Node {
			return graph.ReduceAllSum(graph.Mul(v.NodeValue(g), graph.ConvertDType(x, dtype)))
		}
		opt.UpdateGraph(scope, g, graph.Add(product(a, matrix), product(b, vector)))
		report := opt.Report(g)
		return []*graph.Node{report.LearningRate, report.GradientNorm}
	})
	if err != nil {
		t.Fatal(err)
	}
	return func(gradients [][]float64) []*tensors.Tensor {
		t.Helper()
		out, err := exec.Exec(tensors.FromFlatDataAndDimensions(gradients[0], 2, 2), tensors.FromFlatDataAndDimensions(gradients[1], 3))
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
}

// TestFollowsReference compares random settings and gradients with the
// plain-Go twin.
func TestFollowsReference(t *testing.T) {
	backend := enginetest.Backend(t, engine.Go)
	rapid.Check(t, func(rt *rapid.T) {
		r := &reference{
			adam:             rapid.Bool().Draw(rt, "adam"),
			decoupled:        rapid.Bool().Draw(rt, "decoupled"),
			vectorsUndecayed: rapid.Bool().Draw(rt, "vectors undecayed"),
			decay:            rapid.Float64Range(0, 0.3).Draw(rt, "decay"),
			clipNorm:         rapid.SampledFrom([]float64{0, 0.5, 3}).Draw(rt, "clip"),
		}
		var b *optim.Builder
		switch {
		case !r.adam:
			r.decoupled = false
			r.momentum = rapid.SampledFrom([]float64{0, 0.5, 0.9}).Draw(rt, "momentum")
			r.nesterov = r.momentum > 0 && rapid.Bool().Draw(rt, "nesterov")
			b = optim.SGD().Momentum(r.momentum).Nesterov(r.nesterov)
		case r.decoupled:
			b = optim.AdamW()
		default:
			b = optim.Adam()
		}
		if r.adam {
			r.beta1, r.beta2 = rapid.Float64Range(0, 0.95).Draw(rt, "beta1"), rapid.Float64Range(0.5, 0.999).Draw(rt, "beta2")
			r.epsilon = rapid.SampledFrom([]float64{1e-8, 1e-3}).Draw(rt, "epsilon")
			b.Betas(r.beta1, r.beta2).Epsilon(r.epsilon)
		}
		b.WeightDecay(r.decay)
		if r.clipNorm > 0 {
			b.ClipGradientNorm(r.clipNorm)
		}
		if r.vectorsUndecayed {
			b.ExcludeFromDecay(optim.BiasesAndNorms)
		}
		rates := rapid.SliceOfN(rapid.Float64Range(0, 0.5), 4, 4).Draw(rt, "rates")
		s, err := schedule.Piecewise([]int64{1, 2, 3}, rates)
		if err != nil {
			rt.Fatal(err)
		}
		store := model.NewStore()
		step := given(t, backend, store, b.LearningRateSchedule(s).MustDone(), dtypes.Float64)
		x := [][]float64{{1, -2, 3, 0.5}, {-1, 0.25, 2}}
		for k, rate := range rates {
			number := rapid.Float64Range(-2, 2)
			gradients := [][]float64{rapid.SliceOfN(number, 4, 4).Draw(rt, "matrix"), rapid.SliceOfN(number, 3, 3).Draw(rt, "vector")}
			out := step(gradients)
			norm := r.step(x, gradients, rate)
			near(rt, k, "learning rate", goldengraph.Float64s(out[0]), []float64{rate, rate, rate})
			near(rt, k, "gradient norm", goldengraph.Float64s(out[1]), []float64{norm})
			for i, name := range []string{"matrix", "vector"} {
				near(rt, k, name, goldengraph.Float64s(store.GetVariable(name).MustValue()), x[i])
			}
		}
	})
}

func near(t rapid.TB, step int, what string, got, want []float64) {
	if !slices.EqualFunc(got, want, func(a, b float64) bool { return a-b <= 1e-9 && b-a <= 1e-9 }) {
		t.Fatalf("step %d: %s is %v, want %v", step, what, got, want)
	}
}

// TestState: names, dtypes and shapes of what a checkpoint carries.
func TestState(t *testing.T) {
	for _, c := range []struct {
		opt  *optim.Optimizer
		want []string
	}{
		{optim.SGD().MustDone(), []string{"/optim/sgd/step"}},
		{optim.SGD().Momentum(0.9).MustDone(), []string{"/optim/sgd/matrix/momentum_buffer", "/optim/sgd/step", "/optim/sgd/vector/momentum_buffer"}},
		{optim.Adam().Scope("x").MustDone(), []string{"/optim/x/matrix/exp_avg", "/optim/x/matrix/exp_avg_sq", "/optim/x/step", "/optim/x/vector/exp_avg", "/optim/x/vector/exp_avg_sq"}},
	} {
		store := model.NewStore()
		given(t, enginetest.Backend(t, engine.Go), store, c.opt, dtypes.Float64)([][]float64{{1, 2, 3, 4}, {5, 6, 7}})
		if got := stateOf(store); !slices.Equal(got, c.want) {
			t.Errorf("state is %v, want %v", got, c.want)
		}
		if err := c.opt.Clear(store.RootScope()); err != nil {
			t.Fatal(err)
		}
		if got := stateOf(store); len(got) != 0 || store.GetVariable("matrix") == nil {
			t.Errorf("Clear left %v, or took the parameters", got)
		}
	}
}

// TestOnly: the variables that are left out stay as they are, and have no state.
func TestOnly(t *testing.T) {
	store := model.NewStore()
	opt := optim.Adam().LearningRate(0.1).Only(func(v *model.Variable) bool { return v.Name() == "vector" }).MustDone()
	step := given(t, enginetest.Backend(t, engine.Go), store, opt, dtypes.Float64)
	step([][]float64{{1, 2, 3, 4}, {5, 6, 7}})
	if got := goldengraph.Float64s(store.GetVariable("matrix").MustValue()); !slices.Equal(got, []float64{1, -2, 3, 0.5}) {
		t.Errorf("the matrix, which is not the optimizer's, is %v", got)
	}
	near(t, 1, "vector", goldengraph.Float64s(store.GetVariable("vector").MustValue()), []float64{-1.1, 0.15, 1.9})
	if got := stateOf(store); !slices.Equal(got, []string{"/optim/adam/step", "/optim/adam/vector/exp_avg", "/optim/adam/vector/exp_avg_sq"}) {
		t.Errorf("state is %v", got)
	}
}

func stateOf(store *model.Store) []string {
	var paths []string
	for v := range store.Scope("/optim").IterVariables() {
		paths = append(paths, v.Path())
	}
	slices.Sort(paths)
	return paths
}

// TestHalfPrecision: parameters keep their dtype, the state is Float32.
func TestHalfPrecision(t *testing.T) {
	store := model.NewStore()
	step := given(t, enginetest.Backend(t, engine.Go), store, optim.Adam().MustDone(), dtypes.BFloat16)
	for range 2 {
		step([][]float64{{1, 2, 3, 4}, {5, 6, 7}})
	}
	if d := store.GetVariable("half matrix").DType(); d != dtypes.BFloat16 {
		t.Errorf("the parameter is %s", d)
	}
	if d := store.GetVariable("/optim/adam/half matrix/exp_avg").DType(); d != dtypes.Float32 {
		t.Errorf("the state is %s, want Float32", d)
	}
}

// TestRefusesWrongUse: a sentence instead of training wrongly.
func TestRefusesWrongUse(t *testing.T) {
	type build func(scope *model.Scope, x *graph.Node, opt *optim.Optimizer)
	square := func(scope *model.Scope, x *graph.Node) *graph.Node {
		return graph.ReduceAllSum(graph.Square(graph.Mul(x, scope.VariableWithValue("w", []float64{1, 2}).NodeValue(x.Graph()))))
	}
	for want, build := range map[string]build{
		"it must be a float scalar": func(scope *model.Scope, x *graph.Node, opt *optim.Optimizer) {
			scope.SetTraining(x.Graph(), true)
			opt.UpdateGraph(scope, x.Graph(), graph.Mul(x, square(scope, x)))
		},
		"no trainable float variable": func(scope *model.Scope, x *graph.Node, opt *optim.Optimizer) {
			scope.SetTraining(x.Graph(), true)
			opt.UpdateGraph(scope.At("elsewhere"), x.Graph(), square(scope, x))
		},
		"not marked as training": func(scope *model.Scope, x *graph.Node, opt *optim.Optimizer) {
			loss := square(scope, x)
			scope.SetTraining(x.Graph(), true)
			opt.UpdateGraph(scope, x.Graph(), loss)
		},
		"has a step of scope": func(scope *model.Scope, x *graph.Node, opt *optim.Optimizer) {
			scope.SetTraining(x.Graph(), true)
			loss := square(scope, x)
			opt.UpdateGraph(scope, x.Graph(), loss)
			opt.UpdateGraph(scope, x.Graph(), loss)
		},
		"Report before UpdateGraph": func(_ *model.Scope, x *graph.Node, opt *optim.Optimizer) { opt.Report(x.Graph()) },
	} {
		exec, err := model.NewExec(enginetest.Backend(t, engine.Go), model.NewStore(), func(scope *model.Scope, x *graph.Node) *graph.Node {
			build(scope, x, optim.SGD().MustDone())
			return x
		})
		if err != nil {
			t.Fatal(err)
		}
		if _, err = exec.Exec([]float64{1, 2}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error is %v, want one with %q", err, want)
		}
	}
}
