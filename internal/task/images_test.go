package task

import (
	"context"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"
	"github.com/gomlx/gomlx/ml/model/initializer"
	"pgregory.net/rapid"

	"github.com/kafisto/kafisto/internal/engine"
	"github.com/kafisto/kafisto/internal/engine/enginetest"
)

// TestWrong compares the graph's counts with sorting, on logits full of ties.
func TestWrong(t *testing.T) {
	const batch, classes = 4, 7
	exec, err := graph.NewExec(enginetest.Backend(t, engine.Go), func(labels, logits *graph.Node) []*graph.Node {
		top1, top5 := wrong([]*graph.Node{labels}, []*graph.Node{logits})
		return []*graph.Node{top1, top5}
	})
	if err != nil {
		t.Fatal(err)
	}
	rapid.Check(t, func(t *rapid.T) {
		logits := rapid.SliceOfN(rapid.Float32Range(-1, 1), batch*classes, batch*classes).Draw(t, "logits")
		for i := range logits {
			logits[i] = float32(int(logits[i]*4)) / 2 // few values: many ties
		}
		labels := rapid.SliceOfN(rapid.Int32Range(0, classes-1), batch, batch).Draw(t, "labels")
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
		out, err := exec.Call(tensors.FromFlatDataAndDimensions(labels, batch), tensors.FromFlatDataAndDimensions(logits, batch, classes))
		if err != nil {
			t.Fatal(err)
		}
		got := [2]float64{tensors.ToScalar[float64](out[0]), tensors.ToScalar[float64](out[1])}
		if got != want {
			t.Fatalf("wrong by one and five guesses: %v, want %v", got, want)
		}
	})
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
