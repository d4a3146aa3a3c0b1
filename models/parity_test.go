package models

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"hash/crc32"
	"math"
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

// torchvision holds the logits of torchvision's networks; testdata/export_torchvision.py wrote it.
//
//go:embed testdata/torchvision.json
var torchvision []byte

// TestParity holds the residual networks against torchvision's, whose weights and statistics are the
// same numbers, in evaluation and in training. The difference is the largest of any logit, over the
// largest logit. In training it is that of PyTorch in float32 (1e-5) with direct convolutions, and
// some times larger with Winograd's, whose rounding the norms of so small a batch amplify.
func TestParity(t *testing.T) {
	var want map[string]struct{ Evaluation, Training []float64 }
	if err := json.Unmarshal(torchvision, &want); err != nil {
		t.Fatal(err)
	}
	if len(want) != 3 {
		t.Errorf("%d networks in the file", len(want))
	}
	enginetest.Each(t, func(t *testing.T, backend compute.Backend) {
		for name, logits := range want {
			evaluate, train := parityExecs(t, backend, name)
			images := tensors.FromFlatDataAndDimensions(torchNumbers("images", 2, 32, 32, 3), 2, 32, 32, 3)
			for _, c := range []struct {
				mode  string
				exec  *model.Exec
				want  []float64
				limit float64
			}{{"evaluation", evaluate, logits.Evaluation, 1e-5}, {"training", train, logits.Training, 2e-4}} {
				difference, largest := 0.0, 0.0
				for i, got := range numbers(t, c.exec, images) {
					difference = max(difference, math.Abs(float64(got)-c.want[i]))
					largest = max(largest, math.Abs(c.want[i]))
				}
				t.Logf("%s, %s: difference %.2g", name, c.mode, difference/largest)
				if !(difference <= c.limit*largest) {
					t.Errorf("%s, %s: logits differ by %g of the largest", name, c.mode, difference/largest)
				}
			}
		}
	})
}

// parityExecs are the executors of a network with the numbers that the script gave torchvision's.
func parityExecs(t *testing.T, backend compute.Backend, name string) (evaluate, train *model.Exec) {
	t.Helper()
	classifier, err := ByName(name, Config{Classes: 10})
	if err != nil {
		t.Fatal(err)
	}
	store := model.NewStore()
	t.Cleanup(store.Finalize)
	g := NewGraph(enginetest.Backend(t, "go"), name) // creates the variables, without values
	classifier(store.RootScope(), Parameter(g, "images", shapes.Make(dtypes.Float32, 2, 32, 32, 3)))
	g.Finalize()
	for v := range store.IterVariables() {
		dims := v.Shape().Dimensions
		if err := v.SetValue(tensors.FromFlatDataAndDimensions(torchNumbers(torchName(v.Path()), dims...), dims...)); err != nil {
			t.Fatal(err)
		}
	}
	build := func(training bool) *model.Exec {
		return model.MustNewExec(backend, store, func(scope *model.Scope, x *Node) *Node {
			scope.SetTraining(x.Graph(), training)
			return classifier(scope, x)
		})
	}
	return build(false), build(true)
}

// torchNumbers are the script's values of the tensor with that name in torchvision's networks, in our
// order of axes: kernels [height, width, in, out] for [out, in, height, width], matrices [in, out]
// for [out, in], images [batch, height, width, channels] for [batch, channels, height, width].
func torchNumbers(name string, dims ...int) []float32 {
	at := func(index int) float64 { return torchNumber(name, index) }
	numbers := make([]float32, shapes.Make(dtypes.Float32, dims...).Size())
	switch {
	case strings.HasPrefix(name, "images"):
		pixels, channels := dims[1]*dims[2], dims[3]
		for i := range numbers {
			image, pixel, channel := i/channels/pixels, i/channels%pixels, i%channels
			numbers[i] = float32(1.7 * at((image*channels+channel)*pixels+pixel))
		}
	case len(dims) > 1:
		out := dims[len(dims)-1]
		in := dims[len(dims)-2]
		window, rest := len(numbers)/in/out, len(numbers)/out
		scale := 2 / math.Sqrt(float64(rest))
		for i := range numbers {
			place, from, to := i/out/in, i/out%in, i%out
			numbers[i] = float32(scale * at((to*in+from)*window+place))
		}
	default:
		base, scale := 0.0, 0.1
		switch {
		case strings.HasSuffix(name, ".running_var"):
			base, scale = 1, 0.25
		case strings.HasSuffix(name, ".weight"):
			base, scale = 1, 0.2
		}
		for i := range numbers {
			numbers[i] = float32(base + scale*at(i))
		}
	}
	return numbers
}

// torchNumber is the script's number, between -1 and 1, for a name and a place.
func torchNumber(name string, index int) float64 {
	x := uint32(index)*2654435761 + crc32.ChecksumIEEE([]byte(name))
	x = (x ^ x>>15) * 2246822519
	return float64(x^x>>13)/(1<<31) - 1
}

// torchName is torchvision's name of a variable.
func torchName(path string) string {
	names := []string{
		"/stem/norm/", "bn1.", "/stem/", "conv1.", "/classifier/", "fc.",
		"/shortcut/norm/", ".downsample.1.", "/shortcut/", ".downsample.0.",
		"weights", "weight", "biases", "bias", "scale", "weight", "offset", "bias", "mean", "running_mean", "variance", "running_var",
	}
	for i := 1; i <= 3; i++ {
		names = append(names, fmt.Sprintf("/conv%d/norm/", i), fmt.Sprintf(".bn%d.", i), fmt.Sprintf("/conv%d/", i), fmt.Sprintf(".conv%d.", i))
	}
	for stage := 1; stage <= 4; stage++ {
		for block := 1; block <= 6; block++ {
			names = append(names, fmt.Sprintf("/stage%d_block%d", stage, block), fmt.Sprintf("layer%d.%d", stage, block-1))
		}
	}
	return strings.NewReplacer(names...).Replace(path)
}
