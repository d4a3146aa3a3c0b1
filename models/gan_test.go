package models

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/ml/model"

	"github.com/kafisto/kafisto/internal/engine/enginetest"
	"github.com/kafisto/kafisto/internal/graphtest"
)

// parityTypes are the number types and how far results may be from PyTorch's in double precision.
var parityTypes = map[dtypes.DType]float64{dtypes.Float64: 1e-10, dtypes.Float32: 5e-5}

// TestGeneratorParity holds the generator's images in evaluation and in training, its running
// averages, losses and their gradients, which pass through the critic, against PyTorch's.
func TestGeneratorParity(t *testing.T) {
	golden := readDCGANGolden(t)
	enginetest.Each(t, func(t *testing.T, backend compute.Backend) {
		for dtype, tolerance := range parityTypes {
			gan, store := newGAN(t, 2, dtype)
			latents := madeLatents(dtype, 3, gan.Latent)
			evaluate := model.MustNewExec(backend, store, func(scope *model.Scope, latents *Node) *Node {
				return gan.Generate(scope.In("generator"), latents)
			})
			images := results(t, evaluate, latents)[0]
			mustMatchGolden(t, "evaluation", projections(images), golden.Evaluation, tolerance)
			for _, v := range images.Flat {
				if !(v >= -1 && v <= 1) {
					t.Fatalf("a pixel is %g", v)
				}
			}
			var names []string
			train := model.MustNewExec(backend, store, func(scope *model.Scope, latents *Node) []*Node {
				scope.SetTraining(latents.Graph(), true)
				images := gan.Generate(scope.In("generator"), latents)
				losses := GeneratorLosses(nil, []*Node{gan.Judge(scope.In("critic"), images)})
				var slopes []*Node
				names, slopes = gradientsBelow(store, "/generator", ReduceAllMean(losses))
				return append([]*Node{images, losses}, slopes...)
			})
			got := results(t, train, latents)
			mustMatchGolden(t, "training", projections(got[0]), golden.Training, tolerance)
			mustMatchGolden(t, "losses", got[1].Flat, golden.Losses.Generator, tolerance)
			mustMatchGradients(t, golden.Gradients, names, got[2:], tolerance)
			mustMatchAverages(t, store, golden.Averages, tolerance)
		}
	})
}

// mustMatchAverages compares the running averages in a store with the file's.
func mustMatchAverages(t *testing.T, store *model.Store, want map[string][]float64, tolerance float64) {
	t.Helper()
	left := maps.Clone(want)
	for v := range store.IterVariables() {
		if v.Trainable {
			continue
		}
		name := torchGANName(v.Path())
		value := v.MustValue()
		numbers := make([]float64, value.Shape().Size())
		for i := range numbers {
			switch flat := value.Value().(type) {
			case []float64:
				numbers[i] = flat[i]
			case []float32:
				numbers[i] = float64(flat[i])
			}
		}
		mustMatchGolden(t, name, numbers, want[name], tolerance)
		delete(left, name)
	}
	if len(left) > 0 {
		t.Errorf("no averages for %v", slices.Sorted(maps.Keys(left)))
	}
}

// TestCriticParity holds scores, gradient norms, losses and their gradients against PyTorch's.
func TestCriticParity(t *testing.T) {
	golden := readDCGANGolden(t)
	enginetest.Each(t, func(t *testing.T, backend compute.Backend) {
		for dtype, tolerance := range parityTypes {
			gan, store := newGAN(t, 2, dtype)
			var names []string
			exec := model.MustNewExec(backend, store, func(scope *model.Scope, in []*Node) []*Node {
				scope.SetTraining(in[0].Graph(), true)
				critique := gan.Critique(scope.In("critic"), in[0], in[1], in[2])
				losses := CriticLosses(nil, critique)
				var slopes []*Node
				names, slopes = gradientsBelow(store, "/critic", ReduceAllMean(losses))
				return append(append(critique, losses), slopes...)
			})
			got := results(t, exec, madeTensor(dtype, "images real", 3, 32, 32, 3),
				madeTensor(dtype, "images generated", 3, 32, 32, 3), madeShares(dtype, 3))
			for i, want := range append(golden.Critique, golden.Losses.Critic) {
				mustMatchGolden(t, fmt.Sprintf("critique %d", i), got[i].Flat, want, tolerance)
			}
			mustMatchGradients(t, golden.Gradients, names, got[4:], tolerance)
		}
	})
}

// TestGANSizes counts the parameters of both networks as PyTorch does.
func TestGANSizes(t *testing.T) {
	for _, name := range GANNames() {
		gan, err := GANByName(name, GANConfig{})
		if err != nil {
			t.Fatal(err)
		}
		store := model.NewStore()
		g := NewGraph(enginetest.Backend(t, "go"), name)
		images := gan.Generate(store.RootScope().In("generator"), Parameter(g, "latents", shapes.Make(dtypes.Float32, 5, gan.Latent)))
		scores := gan.Judge(store.RootScope().In("critic"), images)
		if got := fmt.Sprint(images.Shape(), scores.Shape()); got != "(Float32)[5, 32, 32, 3] (Float32)[5]" {
			t.Errorf("images and scores are %s", got)
		}
		var sizes [2]int
		for v := range store.IterVariables() {
			if v.Trainable {
				sizes[map[string]int{"generator": 0, "critic": 1}[strings.Split(v.Path(), "/")[1]]] += v.Shape().Size()
			}
		}
		if want := readDCGANGolden(t).Sizes; sizes != want {
			t.Errorf("%v parameters, want %v", sizes, want)
		}
	}
}

func TestGANsRefuse(t *testing.T) {
	for want, c := range map[string]struct {
		name  string
		width int
	}{
		`called "stylegan", choose one of: dcgan`: {"stylegan", 0}, "width is -1": {"dcgan", -1}, "width is 4097": {"dcgan", 4097},
	} {
		if _, err := GANByName(c.name, GANConfig{Width: c.width}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want one with %q", err, want)
		}
	}
	gan, backend := DCGAN(GANConfig{Width: 1}), enginetest.Backend(t, "go")
	zeros := func(g *Graph, dims ...int) *Node { return Zeros(g, shapes.Make(dtypes.Float32, dims...)) }
	for want, build := range map[string]func(scope *model.Scope, g *Graph) *Node{
		"latents must be [batch, 100], they are (Float32)[2, 99]": func(scope *model.Scope, g *Graph) *Node { return gan.Generate(scope, zeros(g, 2, 99)) },
		"images must be [batch, 32, 32, 3], they are (Float32)":   func(scope *model.Scope, g *Graph) *Node { return gan.Judge(scope, zeros(g, 2, 28, 28, 3)) },
		"give as many of each": func(scope *model.Scope, g *Graph) *Node {
			return gan.Critique(scope, zeros(g, 2, 32, 32, 3), zeros(g, 2, 32, 32, 3), zeros(g, 3))[0]
		},
	} {
		graphtest.MustFail(t, backend, func(g *Graph) *Node { return build(model.NewStore().RootScope(), g) }, want)
	}
}
