package models

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"math"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"

	"github.com/kafisto/kafisto/internal/engine/enginetest"
	"github.com/kafisto/kafisto/internal/graphtest"
)

// torchDCGAN holds results of PyTorch's; testdata/export_dcgan.py wrote it.
//
//go:embed testdata/dcgan.json
var torchDCGAN []byte

// dcganGolden is what stands in the file.
type dcganGolden struct {
	Sizes                [2]int
	Evaluation, Training []float64
	Averages             map[string][]float64
	Critique             [][]float64
	Losses               struct{ Generator, Critic []float64 }
	Gradients            map[string][]float64 // of a tensor: product with made numbers, norm
}

// readDCGANGolden reads the file.
func readDCGANGolden(t *testing.T) (golden dcganGolden) {
	t.Helper()
	if err := json.Unmarshal(torchDCGAN, &golden); err != nil {
		t.Fatal(err)
	}
	return golden
}

// newGAN is a DCGAN of that width with its variables in "/generator" and "/critic", which hold the
// numbers that the script gave PyTorch's.
func newGAN(t *testing.T, width int, dtype dtypes.DType) (GAN, *model.Store) {
	t.Helper()
	gan, err := GANByName("dcgan", GANConfig{Width: width})
	if err != nil {
		t.Fatal(err)
	}
	store := model.NewStore()
	t.Cleanup(store.Finalize)
	g := NewGraph(enginetest.Backend(t, "go"), "variables") // creates the variables, without values
	scope := store.RootScope()
	images := gan.Generate(scope.In("generator"), Parameter(g, "latents", shapes.Make(dtype, 2, gan.Latent)))
	gan.Judge(scope.In("critic"), images)
	g.Finalize()
	for v := range store.IterVariables() {
		if err := v.SetValue(madeTensor(dtype, torchGANName(v.Path()), v.Shape().Dimensions...)); err != nil {
			t.Fatal(err)
		}
	}
	return gan, store
}

// madeTensor are the script's numbers of that name in a number type.
func madeTensor(dtype dtypes.DType, name string, dims ...int) *tensors.Tensor {
	return inType(dtype, torchNumbers(name, dims...), dims...)
}

// inType makes a tensor of a number type.
func inType(dtype dtypes.DType, numbers []float32, dims ...int) *tensors.Tensor {
	if dtype == dtypes.Float32 {
		return tensors.FromFlatDataAndDimensions(numbers, dims...)
	}
	wide := make([]float64, len(numbers))
	for i, v := range numbers {
		wide[i] = float64(v)
	}
	return tensors.FromFlatDataAndDimensions(wide, dims...)
}

// madeLatents and madeShares are the script's latents and shares of real images.
func madeLatents(dtype dtypes.DType, batch, latent int) *tensors.Tensor {
	return inType(dtype, madeVector("latents", batch*latent, 1.7, 0), batch, latent)
}

func madeShares(dtype dtypes.DType, batch int) *tensors.Tensor {
	return inType(dtype, madeVector("shares", batch, 0.5, 0.5), batch)
}

// madeVector are the script's numbers of that name, times a factor and shifted.
func madeVector(name string, size int, factor, shift float64) []float32 {
	numbers := make([]float32, size)
	for i := range numbers {
		numbers[i] = float32(factor*torchNumber(name, i) + shift)
	}
	return numbers
}

var ganPath = regexp.MustCompile(`^/(generator|critic)/conv(\d)/(norm/)?(\w+)$`)

// torchGANName is PyTorch's name of a variable in a network that is a sequence.
func torchGANName(path string) string {
	part := ganPath.FindStringSubmatch(path)
	layer, _ := strconv.Atoi(part[2])
	index := 3 * (layer - 1)
	if part[1] == "critic" && layer > 1 {
		index-- // there is no norm after the first convolution
	}
	if part[3] != "" {
		index++
	}
	name := map[string]string{"weights": "weight", "biases": "bias", "scale": "weight", "offset": "bias", "mean": "running_mean", "variance": "running_var"}
	return fmt.Sprintf("%s.%d.%s", part[1], index, name[part[4]])
}

// results runs an executor and gives its results in double precision.
func results(t *testing.T, exec *model.Exec, inputs ...any) (arrays []graphtest.Array) {
	t.Helper()
	out, err := exec.Exec(inputs...)
	if err != nil {
		t.Fatal(err)
	}
	for _, tensor := range out {
		if tensor.DType() == dtypes.Float64 {
			arrays = append(arrays, graphtest.Of(tensor))
			continue
		}
		array := graphtest.Zeros(tensor.Shape().Dimensions...)
		for i, v := range tensors.MustCopyFlatData[float32](tensor) {
			array.Flat[i] = float64(v)
		}
		arrays = append(arrays, array)
	}
	return arrays
}

// gradientsBelow are the gradients of a scalar with respect to the trainable variables below a path,
// and PyTorch's names of these.
func gradientsBelow(store *model.Store, path string, loss *Node) (names []string, slopes []*Node) {
	var nodes []*Node
	for v := range store.IterVariables() {
		if v.Trainable && strings.HasPrefix(v.Path(), path) {
			names = append(names, torchGANName(v.Path()))
			nodes = append(nodes, v.NodeValue(loss.Graph()))
		}
	}
	return names, Gradient(loss, nodes...)
}

// mustMatchGolden compares numbers with the file's.
func mustMatchGolden(t *testing.T, name string, got, want []float64, tolerance float64) {
	t.Helper()
	graphtest.MustMatch(t, name, graphtest.Array{Dims: []int{len(got)}, Flat: got}, graphtest.Array{Dims: []int{len(want)}, Flat: want}, tolerance)
}

// mustMatchGradients compares gradients with the file's products and norms.
func mustMatchGradients(t *testing.T, want map[string][]float64, names []string, slopes []graphtest.Array, tolerance float64) {
	t.Helper()
	for i, name := range names {
		product, squares := 0.0, 0.0
		for j, v := range torchNumbers("probe."+name, slopes[i].Dims...) {
			product += float64(v) * slopes[i].Flat[j]
			squares += slopes[i].Flat[j] * slopes[i].Flat[j]
		}
		mustMatchGolden(t, "gradient of "+name, []float64{product, math.Sqrt(squares)}, want[name], tolerance)
	}
	if len(names) < 11 {
		t.Errorf("%d gradients, want one for each of PyTorch's tensors", len(names))
	}
}

// projections are the products of images with made numbers, one an image.
func projections(images graphtest.Array) []float64 {
	sums := make([]float64, images.Dims[0])
	for i, v := range torchNumbers("images probe", images.Dims...) {
		sums[i*len(sums)/len(images.Flat)] += float64(v) * images.Flat[i]
	}
	return sums
}
