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
var inputs = map[string][2]int{"resnet18": {32, 3}, "small-cnn": {28, 1}}

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

// newTrained builds a network with ten classes; a training step is one of gradient descent.
func newTrained(t *testing.T, backend compute.Backend, name string, seed int64) trained {
	t.Helper()
	classifier, err := ByName(name, 10)
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

// TestSizes counts trainable parameters and tensors; those of ResNet-18 are PyTorch's.
func TestSizes(t *testing.T) {
	for _, want := range []struct {
		name                         string
		classes, parameters, tensors int
	}{
		{"resnet18", 10, 11_173_962, 62},
		{"resnet18", 100, 11_220_132, 62},
		// Kernels without bias, two numbers a channel for each norm, the linear layer.
		{"small-cnn", 10, 5*5*1*16 + 2*16 + 3*3*16*32 + 2*32 + 7*7*32*10 + 10, 8},
	} {
		classifier, err := ByName(want.name, want.classes)
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
			t.Errorf("%s with %d classes: %d parameters in %d tensors, want %d in %d",
				want.name, want.classes, parameters, tensors, want.parameters, want.tensors)
		}
	}
}

// TestTraining takes steps of gradient descent: the loss falls, everything stays finite, evaluation
// repeats itself bit for bit, and follows the parameters from step to step.
func TestTraining(t *testing.T) {
	enginetest.Each(t, func(t *testing.T, backend compute.Backend) {
		for _, name := range Names() {
			net := newTrained(t, backend, name, 1)
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
			net := newTrained(t, backend, "small-cnn", seed)
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

func TestByNameRefuses(t *testing.T) {
	if got := Names(); !slices.Equal(got, []string{"resnet18", "small-cnn"}) {
		t.Errorf("names are %v", got)
	}
	if _, err := ByName("resnet19", 10); err == nil || !strings.Contains(err.Error(), `"resnet19", choose one of: resnet18, small-cnn`) {
		t.Errorf("unknown name: %v", err)
	}
	if _, err := ByName("resnet18", 1); err == nil || !strings.Contains(err.Error(), "classes is 1") {
		t.Errorf("one class: %v", err)
	}
}
