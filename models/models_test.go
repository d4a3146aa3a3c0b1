package models

import (
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"
	"github.com/kafisto/kafisto/internal/engine/enginetest"
)

// inputs is what each network is made for: image size and channels.
var inputs = map[string][2]int{"resnet18": {32, 3}, "resnet50": {32, 3}, "small-cnn": {28, 1}, "wide-resnet50-2": {32, 3}}

// randomImages draws a batch for the named network.
func randomImages(name string, batch int, seed uint64) *tensors.Tensor {
	r := rand.New(rand.NewPCG(seed, 2))
	size, channels := inputs[name][0], inputs[name][1]
	flat := make([]float32, batch*size*size*channels)
	for i := range flat {
		flat[i] = float32(r.NormFloat64())
	}
	return tensors.FromFlatDataAndDimensions(flat, batch, size, size, channels)
}

// trained is a network with the executors of a training step and of evaluation.
type trained struct {
	store          *model.Store
	step, evaluate *model.Exec
}

// newTrained builds a network; a training step is one of gradient descent.
func newTrained(t *testing.T, backend compute.Backend, name string, c Config, seed int64) trained {
	t.Helper()
	classifier, err := ByName(name, c)
	if err != nil {
		t.Fatal(err)
	}
	store := model.NewStore()
	if err := store.SetRNGStateFromSeed(seed); err != nil {
		t.Fatal(err)
	}
	step := model.MustNewExec(backend, store, func(scope *model.Scope, x *Node) *Node {
		g := x.Graph()
		scope.SetTraining(g, true)
		logits := classifier(scope.In("model"), x)
		loss := Neg(ReduceAllMean(Slice(LogSoftmax(logits), AxisRange(), AxisElem(3)))) // all are of class 3
		gradients := scope.BuildTrainableVariablesGradientsGraph(loss)
		for v := range store.IterVariables() {
			if v.Trainable {
				v.SetNodeValue(Sub(v.NodeValue(g), MulScalar(gradients[0], 0.02)))
				gradients = gradients[1:]
			}
		}
		return loss
	})
	evaluate := model.MustNewExec(backend, store, func(scope *model.Scope, x *Node) *Node {
		return classifier(scope.In("model"), x)
	})
	return trained{store, step, evaluate}
}

// numbers runs an executor on a batch.
func numbers(t *testing.T, exec *model.Exec, batch *tensors.Tensor) []float32 {
	t.Helper()
	results, err := exec.Exec(batch)
	if err != nil {
		t.Fatal(err)
	}
	return tensors.MustCopyFlatData[float32](results[0])
}

// TestSizes counts trainable parameters and tensors; those of the residual networks are torchvision's.
func TestSizes(t *testing.T) {
	// Kernels without bias, two numbers a channel for each norm, the linear layer.
	small := func(width int) int {
		return 5*5*1*width + 2*width + 3*3*width*2*width + 2*2*width + 7*7*2*width*10 + 10
	}
	for _, want := range []struct {
		name                                string
		classes, width, parameters, tensors int
	}{
		{"resnet18", 10, 0, 11_173_962, 62},
		{"resnet18", 100, 64, 11_220_132, 62},
		{"resnet18", 10, 8, 176_402, 62},
		{"resnet50", 10, 0, 23_520_842, 161},
		{"resnet50", 100, 0, 23_705_252, 161},
		{"resnet50", 1000, 0, 25_549_352, 161},
		{"resnet50", 10, 8, 375_762, 161},
		{"wide-resnet50-2", 10, 0, 66_847_050, 161},
		{"wide-resnet50-2", 100, 0, 67_031_460, 161},
		{"wide-resnet50-2", 10, 8, 1_054_386, 161},
		{"small-cnn", 10, 0, small(16), 8},
		{"small-cnn", 10, 5, small(5), 8},
	} {
		classifier, err := ByName(want.name, Config{Classes: want.classes, Width: want.width})
		if err != nil {
			t.Fatal(err)
		}
		store, g := model.NewStore(), NewGraph(enginetest.Backend(t, "go"), want.name)
		size, channels := inputs[want.name][0], inputs[want.name][1]
		logits := classifier(store.RootScope(), Parameter(g, "images", shapes.Make(dtypes.Float32, 3, size, size, channels)))
		if got := logits.Shape().Dimensions; !slices.Equal(got, []int{3, want.classes}) {
			t.Errorf("%s: logits are %v, want [3, %d]", want.name, got, want.classes)
		}
		parameters, tensors := 0, 0
		for v := range store.IterVariables() {
			if v.Trainable {
				parameters += v.Shape().Size()
				tensors++
			}
		}
		if parameters != want.parameters || tensors != want.tensors {
			t.Errorf("%s with %d classes, width %d: %d parameters in %d tensors, want %d in %d",
				want.name, want.classes, want.width, parameters, tensors, want.parameters, want.tensors)
		}
	}
}

// TestTraining takes steps of gradient descent: the loss falls, everything stays finite, evaluation
// repeats itself bit for bit, and follows the parameters from step to step.
//
// The networks of 50 layers are narrow, for the sake of time.
func TestTraining(t *testing.T) {
	narrow := map[string]int{"resnet50": 8, "wide-resnet50-2": 8}
	enginetest.Each(t, func(t *testing.T, backend compute.Backend) {
		for _, name := range Names() {
			net := newTrained(t, backend, name, Config{Classes: 10, Width: narrow[name]}, 1)
			batch, probe := randomImages(name, 4, 1), randomImages(name, 2, 2)
			first := numbers(t, net.step, batch)[0]
			before := numbers(t, net.evaluate, probe)
			if again := numbers(t, net.evaluate, probe); !slices.Equal(before, again) {
				t.Errorf("%s: evaluation gives %v, then %v", name, before, again)
			}
			second := numbers(t, net.step, batch)[0]
			if !(second < first) {
				t.Errorf("%s: loss went from %g to %g", name, first, second)
			}
			after := numbers(t, net.evaluate, probe)
			if slices.Equal(before, after) {
				t.Errorf("%s: evaluation did not see the training step", name)
			}
			for _, v := range append(before, after...) {
				if math.IsNaN(float64(v)) || math.IsInf(float64(v), 0) {
					t.Fatalf("%s: logits %v", name, append(before, after...))
				}
			}
		}
	})
}

// TestSeedDecidesStart builds networks twice with the same seed, and once with another.
func TestSeedDecidesStart(t *testing.T) {
	enginetest.Each(t, func(t *testing.T, backend compute.Backend) {
		start := func(seed int64) map[string][]float32 {
			net := newTrained(t, backend, "small-cnn", Config{Classes: 10}, seed)
			numbers(t, net.evaluate, randomImages("small-cnn", 1, 1))
			values := map[string][]float32{}
			for v := range net.store.IterVariables() {
				if v.DType() == dtypes.Float32 {
					values[v.Path()] = tensors.MustCopyFlatData[float32](v.MustValue())
				}
			}
			return values
		}
		first, again, other := start(1), start(1), start(2)
		for path, values := range first {
			if !slices.Equal(values, again[path]) {
				t.Errorf("%s differs with the same seed", path)
			}
		}
		if path := "/model/conv1/weights"; slices.Equal(first[path], other[path]) {
			t.Errorf("%s is the same with another seed", path)
		}
	})
}

// TestInitializerReachesAllWeights gives a network starting values of one.
func TestInitializerReachesAllWeights(t *testing.T) {
	ones := func(*model.Scope) model.VariableInitializer {
		return func(g *Graph, shape shapes.Shape) *Node { return Ones(g, shape) }
	}
	for _, name := range Names() {
		net := newTrained(t, enginetest.Backend(t, "go"), name, Config{Classes: 10, Width: 2, Initializer: ones}, 1)
		numbers(t, net.evaluate, randomImages(name, 1, 1))
		for v := range net.store.IterVariables() {
			if !v.Trainable || strings.HasSuffix(v.Path(), "/scale") { // which start at one by themselves
				continue
			}
			values := tensors.MustCopyFlatData[float32](v.MustValue())
			allOnes := !slices.ContainsFunc(values, func(x float32) bool { return x != 1 })
			if allOnes != strings.HasSuffix(v.Path(), "/weights") {
				t.Errorf("%s: %s starts at %v...", name, v.Path(), values[:2])
			}
		}
	}
}

func TestByNameRefuses(t *testing.T) {
	if got := strings.Join(Names(), ", "); got != "resnet18, resnet50, small-cnn, wide-resnet50-2" {
		t.Errorf("names are %v", got)
	}
	for want, c := range map[string]struct {
		name   string
		config Config
	}{
		`"resnet19", choose one of: resnet18, resnet50, small-cnn, `: {"resnet19", Config{Classes: 10}},
		"classes is 1, it must be at least 2":                        {"resnet18", Config{Classes: 1}},
		"width is -1, it must be between 0 and 4096":                 {"small-cnn", Config{Classes: 10, Width: -1}},
		"width is 4097": {"resnet50", Config{Classes: 10, Width: 4097}},
	} {
		if _, err := ByName(c.name, c.config); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", want, err)
		}
	}
}

// TestFeaturesMakeLogits multiplies features by the last layer's weights, and gets the logits of the
// whole network with the same variables.
func TestFeaturesMakeLogits(t *testing.T) {
	backend := enginetest.Backend(t, "go")
	for _, name := range Names() {
		c := Config{Classes: 7, Width: 4}
		network, err := ByName(name, c)
		if err != nil {
			t.Fatal(err)
		}
		features, err := FeaturesByName(name, c)
		if err != nil {
			t.Fatal(err)
		}
		store := model.NewStore()
		batch := randomImages(name, 2, 5)
		logits := numbers(t, model.MustNewExec(backend, store, (func(*model.Scope, *Node) *Node)(network)), batch)
		variables := store.NumVariables()
		got := numbers(t, model.MustNewExec(backend, store, func(scope *model.Scope, x *Node) *Node {
			value := func(name string) *Node { return store.GetVariable("/classifier/" + name).NodeValue(x.Graph()) }
			return Add(Dot(features(scope, x), value("weights")).Product(), ExpandDims(value("biases"), 0))
		}), batch)
		if !near(got, logits) || len(logits) != 2*7 || store.NumVariables() != variables {
			t.Errorf("%s: features make %v, the logits are %v; %d variables, want %d", name, got, logits, store.NumVariables(), variables)
		}
	}
	if _, err := FeaturesByName("vgg", Config{Classes: 10}); err == nil || !strings.Contains(err.Error(), `called "vgg"`) {
		t.Errorf("an unknown network: %v", err)
	}
}
