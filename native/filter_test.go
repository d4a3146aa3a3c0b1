//go:build cgo && linux && (amd64 || arm64)

package native_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"

	"github.com/kafisto/kafisto/native"
)

// layerShapes are layers of all kinds: single numbers, parts of vectors, of
// blocks and of chunks, and several chunks.
var layerShapes = []shapes.Shape{
	shapes.Make(dtypes.Float32), shapes.Make(dtypes.Float32, 5), shapes.Make(dtypes.Float32, 4, 4), shapes.Make(dtypes.Float32, 17),
	shapes.Make(dtypes.Float32, 2048), shapes.Make(dtypes.Float32, 128, 128), shapes.Make(dtypes.Float32, 16385), shapes.Make(dtypes.Float32, 10, 100, 100),
}

// randomLayers is one array a layer.
func randomLayers(r *rand.Rand) (layers []array) {
	for _, shape := range layerShapes {
		layers = append(layers, random(r, 0, shape.Dimensions...))
	}
	return layers
}

const beta, velocityDecay = 0.75, 0.9

// testFactors are the factors of a correction: numbers that have no rounding.
var testFactors = [5][]float64{ // gain, velocity gain, smoothing, shrink, decay
	{0.5, 0.25, 0.125, 0, 1, 2, 0.5, 0.25},
	{0.25, 0.5, 0, 1, 0.125, 0.25, 0.5, 1},
	{0.5, 1, 0.75, 0.25, 0, 0.875, 0.5, 0.75},
	{0, 0.5, 0.25, 0, 0.125, 0, 0.0625, 0.5},
	{0, 0, 0.5, 0.25, 0, 0.125, 0.0625, 0.25},
}

func factorNodes(g *Graph) native.Factors {
	return native.Factors{Gain: Const(g, testFactors[0]), VelocityGain: Const(g, testFactors[1]), Smoothing: Const(g, testFactors[2]),
		Shrink: Const(g, testFactors[3]), Decay: Const(g, testFactors[4])}
}

// plainPredict is one layer's prediction; averages move if moves.
func plainPredict(x, p, average []float64, moves bool) (distance float64, nextX, nextAverage []float64) {
	for i, v := range x {
		nextX = append(nextX, v+p[i])
		if average == nil {
			continue
		}
		a := average[i]
		if moves {
			a = beta*a + (1-beta)*v
		}
		nextAverage = append(nextAverage, a)
		distance += (v - a) * (v - a)
	}
	return distance, nextX, nextAverage
}

// plainCorrect is layer l's correction.
func plainCorrect(l int, g, x, p, average []float64) (nextX, nextP, nextAverage []float64) {
	gain, velocityGain, smoothing := testFactors[0][l], testFactors[1][l], testFactors[2][l]
	shrink, decay := testFactors[3][l], testFactors[4][l]
	for i, v := range x {
		d := g[i] + decay*v
		next := v - gain*d - shrink*v
		nextX = append(nextX, next)
		nextP = append(nextP, velocityDecay*p[i]-velocityGain*d)
		if average != nil {
			nextAverage = append(nextAverage, smoothing*average[i]+(1-smoothing)*next)
		}
	}
	return nextX, nextP, nextAverage
}

// plainPasses are what filterPasses gives.
func plainPasses(g, x, p, average []array) (results [][]float64) {
	n := len(layerShapes)
	none := make([]float64, n)
	add := func(vectors [][]float64, layers ...[][]float64) {
		results = append(results, vectors...)
		for _, l := range layers {
			results = append(results, l...)
		}
	}
	sums := [][]float64{make([]float64, n), make([]float64, n), make([]float64, n)}
	still, moved := make([]float64, n), make([]float64, n)
	lists := make([][][]float64, 6)
	for l := range n {
		gl, xl, pl, al := g[l].double(), x[l].double(), p[l].double(), average[l].double()
		for i, v := range xl {
			sums[0][l] += gl[i] * gl[i]
			sums[1][l] += gl[i] * v
			sums[2][l] += v * v
		}
		var nextX, nextP, nextA []float64
		still[l], _, _ = plainPredict(xl, pl, al, false)
		moved[l], nextX, nextA = plainPredict(xl, pl, al, true)
		lists[0], lists[1] = append(lists[0], nextX), append(lists[1], nextA)
		nextX, nextP, nextA = plainCorrect(l, gl, xl, pl, al)
		lists[2], lists[3], lists[4] = append(lists[2], nextX), append(lists[3], nextP), append(lists[4], nextA)
	}
	add([][]float64{none}, lists[0])
	add([][]float64{still}, lists[0])
	add([][]float64{moved}, lists[0], lists[1])
	add(sums)
	add(nil, lists[2], lists[3])
	add(nil, lists[2], lists[3], lists[4])
	return results
}

// filterPasses are all passes in all forms, of the same inputs, which nothing
// may write over.
func filterPasses(in []*Node) (out []*Node) {
	f, n := native.Filter{Shapes: layerShapes}, len(layerShapes)
	g, x, p, average := in[:n], in[n:2*n], in[2*n:3*n], in[3*n:]
	half := Scalar(x[0].Graph(), dtypes.Float64, beta)
	for _, form := range []struct {
		beta     *Node
		averages []*Node
	}{{nil, nil}, {nil, average}, {half, average}} {
		distances, nextX, nextAverages := f.Predict(form.beta, x, p, form.averages)
		out = append(append(append(out, distances), nextX...), nextAverages...)
	}
	gg, gx, xx := f.Sums(g, x)
	out = append(out, gg, gx, xx)
	for _, averages := range [][]*Node{nil, average} {
		nextX, nextP, nextAverages := f.Correct(factorNodes(gg.Graph()), velocityDecay, g, x, p, averages)
		out = append(append(append(out, nextX...), nextP...), nextAverages...)
	}
	return out
}

// TestFilter holds all passes against loops in double precision, and the inputs,
// which are not given away, against what they were.
func TestFilter(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 8))
	g, x, p, average := randomLayers(r), randomLayers(r), randomLayers(r), randomLayers(r)
	inputs := slices.Concat(g, x, p, average)
	want := plainPasses(g, x, p, average)
	exec := compile(t, filterPasses)
	backend := kernels(t)
	eachSet(t, func(t *testing.T) {
		var arguments []any
		var given []*tensors.Tensor
		for i, input := range inputs {
			tensor, shared := input.tensor(), i%2 == 0
			if err := tensor.MaterializeOnDevice(backend, shared, 0); err != nil {
				t.Fatal(err)
			}
			if !shared {
				tensor.FinalizeLocal() // only the device's numbers are left
			}
			given, arguments = append(given, tensor), append(arguments, tensor)
		}
		for range 2 {
			for i, got := range callWith(t, exec, arguments...) {
				mustMatch(t, fmt.Sprintf("output %d", i), got, want[i], 1e-6)
			}
		}
		for i, tensor := range given {
			if !slices.Equal(numbers(tensor), inputs[i].double()) {
				t.Errorf("input %d was written over", i)
			}
		}
	})
}

// TestFilterInPlace trains variables, whose memory the step takes over, beside
// one that it may not touch, and uses the old parameters after the pass that
// gives the new ones.
func TestFilterInPlace(t *testing.T) {
	r := rand.New(rand.NewPCG(9, 10))
	g, x, p, average := randomLayers(r), randomLayers(r), randomLayers(r), randomLayers(r)
	f, n := native.Filter{Shapes: layerShapes}, len(layerShapes)
	eachSet(t, func(t *testing.T) {
		store := model.NewStore()
		variables := func(name string, start []array) (list []*model.Variable) {
			for i, a := range start {
				list = append(list, store.VariableWithValue(fmt.Sprintf("/%s%d", name, i), a.tensor()))
			}
			return list
		}
		vx, vp, va, kept := variables("x", x), variables("p", p), variables("average", average), variables("kept", average)
		step := model.MustNewExec(kernels(t), store, func(_ *model.Scope, g []*Node) []*Node {
			nodes := func(list []*model.Variable) (nodes []*Node) {
				for _, v := range list {
					nodes = append(nodes, v.NodeValue(g[0].Graph()))
				}
				return nodes
			}
			old, velocities, averages := nodes(vx), nodes(vp), nodes(va)
			_, predicted, averages := f.Predict(Scalar(g[0].Graph(), dtypes.Float64, beta), old, velocities, averages)
			nextX, nextP, averages := f.Correct(factorNodes(g[0].Graph()), velocityDecay, g, predicted, velocities, averages)
			for i := range n {
				vx[i].SetNodeValue(nextX[i])
				vp[i].SetNodeValue(nextP[i])
				va[i].SetNodeValue(averages[i])
			}
			_, other, _ := f.Predict(nil, nodes(kept), velocities, nil)
			return []*Node{Sub(predicted[7], old[7]), other[7]}
		})
		defer step.Finalize()
		wantX, wantP, wantA, grads := doubles(x), doubles(p), doubles(average), make([]any, n)
		for i := range g {
			grads[i] = g[i].tensor()
		}
		for k := range 3 {
			out := step.MustCall(grads...)
			mustMatch(t, "movement", numbers(out[0]), wantP[7], 1e-5)
			_, other, _ := plainPredict(average[7].double(), wantP[7], nil, false)
			mustMatch(t, "prediction of what is kept", numbers(out[1]), other, 1e-6)
			for l := range n {
				_, nextX, nextA := plainPredict(wantX[l], wantP[l], wantA[l], true)
				wantX[l], wantP[l], wantA[l] = plainCorrect(l, g[l].double(), nextX, wantP[l], nextA)
				name := fmt.Sprintf("layer %d in step %d", l, k)
				mustMatch(t, "x of "+name, numbers(vx[l].MustValue()), wantX[l], 2e-6)
				mustMatch(t, "p of "+name, numbers(vp[l].MustValue()), wantP[l], 2e-6)
				mustMatch(t, "average of "+name, numbers(va[l].MustValue()), wantA[l], 2e-6)
				if !slices.Equal(numbers(kept[l].MustValue()), average[l].double()) {
					t.Errorf("%s: a variable that was not given away was written over", name)
				}
				if !slices.Equal(numbers(grads[l].(*tensors.Tensor)), g[l].double()) {
					t.Errorf("%s: a gradient was written over", name)
				}
			}
		}
	})
}

// TestFilterGivenAway gives a tensor's memory away without variables.
func TestFilterGivenAway(t *testing.T) {
	f := native.Filter{Shapes: []shapes.Shape{shapes.Make(dtypes.Float32, 40000)}}
	exec := compile(t, func(in []*Node) []*Node {
		distances, nextX, _ := f.Predict(nil, in[:1], in[1:], nil)
		return append(nextX, distances)
	})
	r := rand.New(rand.NewPCG(11, 12))
	x, p := random(r, 0, 40000), random(r, 0, 40000)
	given, err := DonateTensorBuffer(x.tensor(), kernels(t), 0)
	if err != nil {
		t.Fatal(err)
	}
	_, want, _ := plainPredict(x.double(), p.double(), nil, false)
	mustMatch(t, "x", callWith(t, exec, given, p.tensor())[0], want, 1e-6)
}

func doubles(layers []array) (list [][]float64) {
	for _, a := range layers {
		list = append(list, a.double())
	}
	return list
}
