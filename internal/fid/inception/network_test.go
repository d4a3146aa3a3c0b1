package inception

import (
	"bufio"
	"context"
	_ "embed"
	"encoding/binary"
	"encoding/json"
	"errors"
	"hash/crc32"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"

	"github.com/kafisto/kafisto/internal/checkpoint/safetensors"
	"github.com/kafisto/kafisto/internal/data"
	"github.com/kafisto/kafisto/internal/engine/enginetest"
	"github.com/kafisto/kafisto/internal/fid"
	"github.com/kafisto/kafisto/internal/weights"
)

// exported are PyTorch's features of the made image; testdata/export_torch.py wrote it.
//
//go:embed testdata/features.json
var exported []byte

// TestFeaturesAgainstPyTorch holds the network against PyTorch's with the same weights and image. The
// difference is the largest of any feature, over the largest feature.
func TestFeaturesAgainstPyTorch(t *testing.T) {
	if testing.Short() {
		t.Skip("compiles and runs a large network")
	}
	var want []float64
	if err := json.Unmarshal(exported, &want); err != nil || len(want) != Features {
		t.Fatalf("%d features in the file, %v", len(want), err)
	}
	file, err := weights.Read(madeWeights(t))
	if err != nil {
		t.Fatal(err)
	}
	enginetest.Each(t, func(t *testing.T, backend compute.Backend) {
		network, err := New(backend, file)
		if err != nil {
			t.Fatal(err)
		}
		defer network.Close()
		got, err := network.Features(madeImage())
		if err != nil || len(got) != Features {
			t.Fatalf("%d features, %v", len(got), err)
		}
		difference, largest := 0.0, slices.Max(want)
		for i, v := range got {
			difference = max(difference, math.Abs(float64(v)-want[i]))
		}
		t.Logf("difference %.2g", difference/largest)
		if !(difference <= 1e-5*largest) {
			t.Errorf("features differ by %g of the largest", difference/largest)
		}
		if _, err := network.Features(tensors.FromFlatDataAndDimensions(make([]float32, 8), 1, 2, 2, 2)); err == nil {
			t.Error("an image of 2 channels was taken")
		}
		if _, err := network.Features(tensors.FromFlatDataAndDimensions(make([]float64, 12), 1, 2, 2, 3)); err == nil {
			t.Error("an image in float64 was taken")
		}
		checkStatistics(t, network, got)
		if source, figure := network.Source(), network.Figure(); !strings.HasSuffix(source, file.SHA256()) || Published(file) ||
			figure != "Fréchet distance (not FID) on Inception-v3 features of made.safetensors" {
			t.Errorf("source %q, figure %q, published %v", source, figure, Published(file))
		}
	})
}

// checkStatistics takes the statistics of three images in batches of one: the made one (rounded to
// bytes), whose features are known, and another twice.
func checkStatistics(t *testing.T, network *fid.Network, known []float32) {
	t.Helper()
	images := &data.Images{Height: 40, Width: 36, Channels: 3, Classes: 1, Labels: make([]int32, 3)}
	for _, v := range tensors.MustCopyFlatData[float32](madeImage()) {
		images.Pixels = append(images.Pixels, byte(math.Round(255*float64(v))))
	}
	images.Pixels = append(images.Pixels, make([]byte, 2*len(images.Pixels))...)
	calls := 0
	s, err := network.Statistics(t.Context(), images, 1, func(done, total int) {
		if calls++; done != calls || total != 3 {
			t.Errorf("call %d: %d of %d", calls, done, total)
		}
	})
	if err != nil || s.Count != 3 || calls != 3 {
		t.Fatalf("%+v after %d calls, %v", s, calls, err)
	}
	black, err := network.Features(tensors.FromFlatDataAndDimensions(make([]float32, 40*36*3), 1, 40, 36, 3))
	if err != nil {
		t.Fatal(err)
	}
	for i, mean := range s.Mean {
		if want := (float64(known[i]) + 2*float64(black[i])) / 3; math.Abs(mean-want) > 0.01 {
			t.Errorf("mean of feature %d is %g, want %g", i, mean, want)
		}
	}
	stopped, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := network.Statistics(stopped, images, 1, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("after cancelling: %v", err)
	}
}

// TestRefusesOtherNetworks: weights of the same shapes but other classes, and files that lack some.
func TestRefusesOtherNetworks(t *testing.T) {
	backend := enginetest.Backend(t, "go")
	path := filepath.Join(t.TempDir(), "other.safetensors")
	for says, layout := range map[string][]safetensors.Tensor{
		"no classifier": {{Name: "fc.weight", DType: safetensors.F32, Shape: []int64{1000, 2}}},
		"no tensor":     {{Name: "fc.weight", DType: safetensors.F32, Shape: []int64{classes, 2}}},
	} {
		writeWeights(t, path, layout)
		file, err := weights.Read(path)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := New(backend, file); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%v, want an error about %q", err, says)
		}
	}
}

// numbers are the script's numbers between -1 and 1 of a tensor of that name.
func numbers(name string) func(place int) float64 {
	sum := crc32.ChecksumIEEE([]byte(name))
	return func(place int) float64 {
		x := uint32(place)*2654435761 + sum
		x = (x ^ x>>15) * 2246822519
		return float64(x^x>>13)/(1<<31) - 1
	}
}

// madeImage is the script's image, 40 pixels high and 36 wide.
func madeImage() *tensors.Tensor {
	const height, width = 40, 36
	at := numbers("image")
	pixels := make([]float32, 0, height*width*3)
	for pixel := range height * width {
		for channel := range 3 {
			pixels = append(pixels, float32(0.5+0.5*at(channel*height*width+pixel)))
		}
	}
	return tensors.FromFlatDataAndDimensions(pixels, 1, height, width, 3)
}

// madeWeights writes the script's weights to a file.
func madeWeights(t *testing.T) string {
	t.Helper()
	layout := []safetensors.Tensor{{Name: "fc.weight", DType: safetensors.F32, Shape: []int64{classes, Features}}}
	store := model.NewStore()
	defer store.Finalize()
	g := NewGraph(enginetest.Backend(t, "go"), "shapes")
	features(store.RootScope(), Parameter(g, "images", shapes.Make(dtypes.Float32, 1, imageSize, imageSize, 3)))
	g.Finalize()
	for v := range store.IterVariables() {
		name, ok := strings.CutSuffix(strings.TrimPrefix(v.Path(), "/"), "/weights")
		if !ok {
			continue
		}
		d := v.Shape().Dimensions
		layout = append(layout, safetensors.Tensor{Name: name + ".conv.weight", DType: safetensors.F32,
			Shape: []int64{int64(d[3]), int64(d[2]), int64(d[0]), int64(d[1])}})
		for _, part := range []string{"weight", "bias", "running_mean", "running_var"} {
			layout = append(layout, safetensors.Tensor{Name: name + ".bn." + part, DType: safetensors.F32, Shape: []int64{int64(d[3])}})
		}
	}
	if convolutions := (len(layout) - 1) / 5; convolutions != 94 {
		t.Fatalf("%d convolutions, want 94", convolutions)
	}
	path := filepath.Join(t.TempDir(), "made.safetensors")
	writeWeights(t, path, layout)
	return path
}

// writeWeights writes a file of those tensors, with the script's values.
func writeWeights(t *testing.T, path string, layout []safetensors.Tensor) {
	t.Helper()
	file, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	w := bufio.NewWriterSize(file, 1<<20)
	if err := safetensors.Pack(layout); err != nil {
		t.Fatal(err)
	}
	if err := safetensors.WriteHeader(w, layout, nil); err != nil {
		t.Fatal(err)
	}
	for _, tensor := range layout {
		if err := writeValues(w, tensor); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
}

func writeValues(w io.Writer, tensor safetensors.Tensor) error {
	base, scale := 0.0, 0.1
	switch {
	case len(tensor.Shape) > 1:
		rest := int64(1)
		for _, n := range tensor.Shape[1:] {
			rest *= n
		}
		scale = math.Sqrt(6 / float64(rest))
	case strings.HasSuffix(tensor.Name, ".running_var"):
		base, scale = 1, 0.25
	case strings.HasSuffix(tensor.Name, ".weight"):
		base, scale = 1, 0.2
	}
	at, size := numbers(tensor.Name), int((tensor.End-tensor.Begin)/4)
	values := make([]byte, 0, 4*size)
	for place := range size {
		values = binary.LittleEndian.AppendUint32(values, math.Float32bits(float32(base+scale*at(place))))
	}
	_, err := w.Write(values)
	return err
}
