package task

import (
	"context"
	"errors"
	"io"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"
	"github.com/gomlx/gomlx/ml/model/initializer"
	"pgregory.net/rapid"

	"github.com/kafisto/kafisto/internal/data"
	"github.com/kafisto/kafisto/internal/engine"
	"github.com/kafisto/kafisto/internal/engine/enginetest"
)

// countWrong compiles wrong for a backend.
func countWrong(t *testing.T, backend compute.Backend) func(labels []int32, logits []float32) [2]float64 {
	exec, err := graph.NewExec(backend, func(labels, logits *graph.Node) []*graph.Node {
		top1, top5 := wrong([]*graph.Node{labels}, []*graph.Node{logits})
		return []*graph.Node{top1, top5}
	})
	if err != nil {
		t.Fatal(err)
	}
	return func(labels []int32, logits []float32) [2]float64 {
		batch := len(labels)
		out, err := exec.Call(tensors.FromFlatDataAndDimensions(labels, batch), tensors.FromFlatDataAndDimensions(logits, batch, len(logits)/batch))
		if err != nil {
			t.Fatal(err)
		}
		return [2]float64{tensors.ToScalar[float64](out[0]), tensors.ToScalar[float64](out[1])}
	}
}

// TestWrong compares the graph's counts with sorting, on logits full of ties,
// for as few classes as there can be and as many as ImageNet has.
func TestWrong(t *testing.T) {
	const batch = 4
	count := countWrong(t, enginetest.Backend(t, engine.Go))
	for _, classes := range []int{1, 2, 5, 6, 7, 1000} {
		rapid.Check(t, func(rt *rapid.T) {
			logits := make([]float32, batch*classes)
			random := rand.New(rand.NewPCG(rapid.Uint64().Draw(rt, "seed"), 0))
			values := rapid.SampledFrom([]int{3, 8, 1 << 20}).Draw(rt, "values") // few: many ties
			for i := range logits {
				logits[i] = float32(random.IntN(values)-values/2) / 2
			}
			labels := rapid.SliceOfN(rapid.Int32Range(0, int32(classes)-1), batch, batch).Draw(rt, "labels")
			var want [2]float64
			for i, label := range labels {
				row := logits[i*classes : (i+1)*classes]
				others := slices.Delete(slices.Clone(row), int(label), int(label)+1)
				notBelow := len(slices.DeleteFunc(others, func(l float32) bool { return l < row[label] }))
				if notBelow >= 1 {
					want[0]++
				}
				if notBelow >= 5 {
					want[1]++
				}
			}
			if classes < 6 && want[1] != 0 {
				rt.Fatalf("%v wrong by five guesses of %d classes", want[1], classes)
			}
			if got := count(labels, logits); got != want {
				rt.Fatalf("wrong by one and five guesses: %v, want %v", got, want)
			}
		})
	}
}

// TestWrongOfKnownRank puts the class of a thousand at known places.
func TestWrongOfKnownRank(t *testing.T) {
	const classes, label = 1000, 617
	enginetest.Each(t, func(t *testing.T, backend compute.Backend) {
		count := countWrong(t, backend)
		for above, want := range map[int][2]float64{0: {0, 0}, 1: {1, 0}, 4: {1, 0}, 5: {1, 1}, 999: {1, 1}} {
			logits := make([]float32, classes)
			for i := range logits {
				logits[i] = float32(classes - (i+classes-label)%classes) // falls from the label on, around the end
			}
			for i := 1; i <= above; i++ {
				logits[(label+i)%classes] += classes
			}
			if got := count([]int32{label}, logits); got != want {
				t.Errorf("%d greater logits: wrong by one and five guesses %v, want %v", above, got, want)
			}
		}
		// What is not a number is no right guess.
		nan, inf := float32(math.NaN()), float32(math.Inf(1))
		for _, logits := range [][]float32{{nan, nan, nan, nan, nan, nan}, {nan, 0, 0, 0, 0, 0}, {0, inf, inf, inf, inf, inf}} {
			if got := count([]int32{0}, logits); got != [2]float64{1, 1} {
				t.Errorf("logits %v: wrong by one and five guesses %v, want once each", logits, got)
			}
		}
	})
}

// TestEvaluationIsTheImages reads held-out images of ImageNet's kind: each once,
// in order, changed by nothing but the normalisation.
func TestEvaluationIsTheImages(t *testing.T) {
	info, err := data.Describe("imagenet32")
	if err != nil {
		t.Fatal(err)
	}
	const n = evalBatch + 3
	held := &data.Images{Name: info.Name, Height: info.Height, Width: info.Width, Channels: info.Channels, Classes: info.Classes}
	for i := range n * 32 * 32 * 3 {
		held.Pixels = append(held.Pixels, byte(i*7+i>>9))
	}
	for i := range n {
		held.Labels = append(held.Labels, int32(i*613%info.Classes))
	}
	loader, err := evaluationLoader(held, info)
	if err != nil {
		t.Fatal(err)
	}
	if loader.Images() != held {
		t.Error("the images were copied")
	}
	for range 2 { // every evaluation is the same
		stream, err := open(t.Context(), loader, 0, loader.Steps())
		if err != nil {
			t.Fatal(err)
		}
		var pixels []float32
		var labels []int32
		for {
			b, err := stream.Next()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
			pixels = append(pixels, tensors.MustCopyFlatData[float32](b.Inputs[0])...)
			labels = append(labels, tensors.MustCopyFlatData[int32](b.Labels[0])...)
		}
		stream.Close()
		if !slices.Equal(labels, held.Labels) || len(pixels) != len(held.Pixels) {
			t.Fatalf("%d labels and %d pixel values, want the %d labels in order and %d values", len(labels), len(pixels), n, len(held.Pixels))
		}
		mean, std := [3]float64{0.485, 0.456, 0.406}, [3]float64{0.229, 0.224, 0.225}
		for i, got := range pixels {
			want := (float64(held.Pixels[i])/255 - mean[i%3]) / std[i%3]
			if math.Abs(float64(got)-want) > 1e-5 {
				t.Fatalf("value %d of image %d is %v, want %v", i%3072, i/3072, got, want)
			}
		}
	}
}

// TestProblem reads the demo's task: whole training batches without end, and
// every held-out image once.
func TestProblem(t *testing.T) {
	p, err := Images{Dataset: "fashion-sample", Model: "small-cnn", BatchSize: 96, Seed: 1, TrainExamples: 200, EvalExamples: 300}.Problem()
	if err != nil {
		t.Fatal(err)
	}
	if p.StepsPerEpoch != 2 {
		t.Errorf("%d steps an epoch, want 2", p.StepsPerEpoch)
	}
	training, err := p.Train(t.Context(), 5)
	if err != nil {
		t.Fatal(err)
	}
	defer training.Close()
	b, err := training.Next()
	if err != nil || b.Size != 96 || b.Inputs[0].Shape().String() != "(Float32)[96, 28, 28, 1]" || b.Labels[0].Shape().String() != "(Int32)[96]" {
		t.Errorf("batch of %d, inputs %v, labels %v, error %v", b.Size, b.Inputs[0].Shape(), b.Labels[0].Shape(), err)
	}
	seen := 0
	held, err := p.Splits[0].Open(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	defer held.Close()
	for {
		b, err := held.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		seen += b.Size
	}
	if seen != 300 {
		t.Errorf("%d held-out images, want 300", seen)
	}
}

// TestProblemHasTheNetworkAskedFor builds a narrow network that starts at one.
func TestProblemHasTheNetworkAskedFor(t *testing.T) {
	ones := func(*model.Scope) model.VariableInitializer { return initializer.One }
	p, err := Images{Dataset: "fashion-sample", Model: "small-cnn", Width: 3, Initializer: ones, BatchSize: 10}.Problem()
	if err != nil {
		t.Fatal(err)
	}
	store := model.NewStore()
	exec := model.MustNewExec(enginetest.Backend(t, "go"), store, func(scope *model.Scope, x *graph.Node) *graph.Node {
		return p.Model(scope, nil, []*graph.Node{x})[0]
	})
	exec.MustCall(tensors.FromShape(shapes.Make(dtypes.Float32, 1, 28, 28, 1)))
	weights := store.GetVariable("/conv2/weights").MustValue()
	if got := weights.Shape().String(); got != "(Float32)[3, 3, 3, 6]" {
		t.Errorf("weights are %s", got)
	}
	if got := tensors.MustCopyFlatData[float32](weights)[0]; got != 1 {
		t.Errorf("weights start at %g", got)
	}
}

func TestProblemRefuses(t *testing.T) {
	good := Images{Dataset: "fashion-sample", Model: "small-cnn", BatchSize: 10}
	for want, change := range map[string]func(*Images){
		"20000 training images asked for": func(im *Images) { im.TrainExamples = 20000 },
		"-1 held-out images asked for":    func(im *Images) { im.EvalExamples = -1 },
		"mnist99":                         func(im *Images) { im.Dataset = "mnist99" },
		"width is -1":                     func(im *Images) { im.Width = -1 },
		"no network is called":            func(im *Images) { im.Model = "vgg" },
	} {
		im := good
		change(&im)
		if _, err := im.Problem(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want one with %q", err, want)
		}
	}
}
