package inception

import (
	"fmt"
	"math"
	"path"
	"path/filepath"
	"strings"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"
	"github.com/gomlx/gomlx/support/exceptions"

	"github.com/kafisto/kafisto/internal/fid"
	"github.com/kafisto/kafisto/internal/weights"
)

// The published file of weights, a release of pytorch-fid: where it is, its name, of which the last part is
// the start of its SHA-256, its size in bytes, and its SHA-256.
const (
	WeightsURL    = "https://github.com/mseitzer/pytorch-fid/releases/download/fid_weights/" + WeightsFile
	WeightsFile   = "pt_inception-2015-12-05-6726825d.pth"
	WeightsSize   = 95_628_359
	WeightsSHA256 = "6726825d0af5f729cebd5821db510b11b1cfad8faad88a03f1befd49fb9129b2"
)

// FID is what a distance of the network's features is called with the published weights, and with no
// others.
const FID = "FID"

// classes is the number of classes of the network of 2015-12-05; torchvision's, whose features are no
// others' equals, has 1000.
const classes = 1008

// normEpsilon is what the network's batch normalisation adds to the variance.
const normEpsilon = 0.001

// New takes the network's weights from a file, with the names of the published one ([WeightsFile]), and
// prepares it for the backend, which must outlive it. Its images are grey (1 channel) or of 3 channels.
// Call Close when done.
//
// The figure of its features is called FID if the weights are the published ones, and something else if
// not. It is an error if the file is of another network, such as torchvision's.
func New(backend compute.Backend, file *weights.File) (*fid.Network, error) {
	if head := file.Tensor("fc.weight"); head == nil || len(head.Shape()) != 2 || head.Shape()[0] != classes {
		return nil, fmt.Errorf("inception: %s has no classifier of %d classes: take %s of pytorch-fid, as FID of other weights is no FID", file.Path(), classes, WeightsFile)
	}
	store := model.NewStore()
	if err := load(backend, store, file); err != nil {
		store.Finalize()
		return nil, err
	}
	return fid.NewNetwork(backend, store, features, Figure(file), Source(file))
}

// Published tells whether a file of weights is the published one, by its SHA-256. What has been computed
// with any other must not be called FID.
func Published(file *weights.File) bool { return file.SHA256() == WeightsSHA256 }

// Figure is what a distance of the network's features is called with the weights of a file: FID if they
// are the published ones.
func Figure(file *weights.File) string {
	if Published(file) {
		return FID
	}
	return fmt.Sprintf("Fréchet distance (not FID) on Inception-v3 features of %s", filepath.Base(file.Path()))
}

// Source names the network with the weights of a file, as the source of statistics of its features.
func Source(file *weights.File) string { return "inception-v3 sha256:" + file.SHA256() }

// load creates the variables, by building the graph once, and gives them the values of the file.
func load(backend compute.Backend, store *model.Store, file *weights.File) error {
	err := exceptions.TryCatch[error](func() {
		g := NewGraph(backend, "inception variables")
		defer g.Finalize()
		features(store.RootScope(), Parameter(g, "images", shapes.Make(dtypes.Float32, 1, imageSize, imageSize, 3)))
	})
	if err != nil {
		return fmt.Errorf("inception: %w", err)
	}
	for v := range store.IterVariables() {
		if v.Name() != "weights" {
			continue
		}
		scope := path.Dir(v.Path())
		kernels, biases, err := folded(file, strings.TrimPrefix(scope, "/"), v.Shape().Dimensions)
		if err != nil {
			return err
		}
		if err := v.SetValue(kernels); err != nil {
			return fmt.Errorf("inception: %w", err)
		}
		if err := store.GetVariable(scope + "/biases").SetValue(biases); err != nil {
			return fmt.Errorf("inception: %w", err)
		}
	}
	return nil
}

// folded are the kernels [height, width, in, out] of a convolution, and its biases, that do what its
// kernels in the file and the batch normalisation behind it do.
func folded(file *weights.File, name string, dims []int) (kernels, biases *tensors.Tensor, err error) {
	height, width, in, out := dims[0], dims[1], dims[2], dims[3]
	raw, err := file.Float32(name+".conv.weight", out, in, height, width)
	if err != nil {
		return nil, nil, err
	}
	var norm [4][]float32
	for i, part := range []string{"weight", "bias", "running_mean", "running_var"} {
		if norm[i], err = file.Float32(name+".bn."+part, out); err != nil {
			return nil, nil, err
		}
	}
	values, offsets := make([]float32, len(raw)), make([]float32, out)
	window := height * width
	for to := range out {
		scale, offset, mean, variance := float64(norm[0][to]), float64(norm[1][to]), float64(norm[2][to]), float64(norm[3][to])
		factor := scale / math.Sqrt(variance+normEpsilon)
		offsets[to] = float32(offset - mean*factor)
		for from := range in {
			for place := range window {
				values[(place*in+from)*out+to] = float32(factor * float64(raw[(to*in+from)*window+place]))
			}
		}
	}
	return tensors.FromFlatDataAndDimensions(values, dims...), tensors.FromFlatDataAndDimensions(offsets, out), nil
}
