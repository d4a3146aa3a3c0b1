package fid

import (
	"context"
	"errors"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/gomlx/compute"
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"

	"github.com/kafisto/kafisto/internal/data"
	"github.com/kafisto/kafisto/internal/engine/enginetest"
)

// meanNetwork has as features the mean of an image, and its first pixel.
func meanNetwork(t *testing.T, backend compute.Backend, source string) *Network {
	t.Helper()
	network, err := NewNetwork(backend, model.NewStore(), func(_ *model.Scope, images *Node) *Node {
		batch := images.Shape().Dimensions[0]
		first := Slice(images, AxisRange(), AxisElem(0), AxisElem(0), AxisElem(0))
		return Concatenate([]*Node{Reshape(ReduceMean(images, 1, 2, 3), batch, 1), Reshape(first, batch, 1)}, 1)
	}, "distance of means", source)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(network.Close)
	return network
}

// stripes are images of 2x1 pixels: image i has i and 3i.
func stripes(n int) *data.Images {
	images := &data.Images{Name: "stripes", Height: 2, Width: 1, Channels: 1, Classes: 1, Labels: make([]int32, n)}
	for i := range n {
		images.Pixels = append(images.Pixels, byte(i), byte(3*i))
	}
	return images
}

// TestNetworkStatistics has a last batch that is not full: mean and variance are those of all images.
func TestNetworkStatistics(t *testing.T) {
	enginetest.Each(t, func(t *testing.T, backend compute.Backend) {
		network := meanNetwork(t, backend, "means")
		var told []int
		s, err := network.Statistics(t.Context(), stripes(7), 3, func(done, total int) { told = append(told, done, total) })
		if err != nil {
			t.Fatal(err)
		}
		if want := []int{3, 7, 6, 7, 7, 7}; !reflect.DeepEqual(told, want) || s.Count != 7 || s.Source != "means" {
			t.Errorf("progress %v, %d images by %q", told, s.Count, s.Source)
		}
		// The numbers 0 to 6 have the mean 3 and the variance 28/6.
		for i, want := range []float64{6. / 255, 3. / 255} {
			within(t, "mean", s.Mean[i], want, 1e-6)
		}
		within(t, "covariance", s.Covariance.At(0, 1), 2*28./6/255/255, 1e-6)
		if network.Figure() != "distance of means" {
			t.Errorf("figure %q", network.Figure())
		}
	})
}

func TestNetworkRefuses(t *testing.T) {
	network := meanNetwork(t, enginetest.Backend(t, "go"), "means")
	stopped, cancel := context.WithCancel(t.Context())
	cancel()
	for says, c := range map[string]struct {
		ctx      context.Context
		n, batch int
	}{
		"at least 2 images":     {t.Context(), 1, 3},
		"batches at least 1":    {t.Context(), 5, 0},
		"stopped after 0 of 5 ": {stopped, 5, 3},
	} {
		if _, err := network.Statistics(c.ctx, stripes(c.n), c.batch, nil); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("error %v, want one with %q", err, says)
		}
	}
	if _, err := network.Statistics(stopped, stripes(5), 3, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("stopped: %v", err)
	}
	if _, err := network.Features(tensors.FromFlatDataAndDimensions(make([]float64, 2), 1, 2, 1, 1)); err == nil {
		t.Error("images in float64 were taken")
	}
	broken, err := NewNetwork(enginetest.Backend(t, "go"), model.NewStore(), func(_ *model.Scope, images *Node) *Node {
		return MulScalar(Reshape(images, images.Shape().Dimensions[0], -1), math.Inf(1))
	}, "", "broken")
	if err != nil {
		t.Fatal(err)
	}
	defer broken.Close()
	if _, err := broken.Statistics(t.Context(), stripes(5), 3, nil); err == nil || !strings.Contains(err.Error(), "not finite") {
		t.Errorf("features that are not finite: %v", err)
	}
}

// TestCached reads the second time what the first has written; other images and networks have files of
// their own, and a damaged one is named.
func TestCached(t *testing.T) {
	backend, dir := enginetest.Backend(t, "go"), filepath.Join(t.TempDir(), "made", "here")
	cached := func(source string, images *data.Images) (*Statistics, int) {
		calls := 0
		s, err := meanNetwork(t, backend, source).Cached(t.Context(), dir, images, 4, func(int, int) { calls++ })
		if err != nil {
			t.Fatal(err)
		}
		return s, calls
	}
	first, calls := cached("a", stripes(7))
	if again, more := cached("a", stripes(7)); calls != 2 || more != 0 || distance(t, first, again) != 0 || !reflect.DeepEqual(first.Mean, again.Mean) {
		t.Errorf("%d batches, then %d; means %v, then %v", calls, more, first.Mean, again.Mean)
	}
	changed := stripes(7)
	changed.Pixels[0] = 200
	cached("b", stripes(7))
	cached("a", stripes(6))
	cached("a", changed)
	files, err := filepath.Glob(filepath.Join(dir, "stripes-*.safetensors"))
	if err != nil || len(files) != 4 {
		t.Fatalf("files %v, %v", files, err)
	}
	for _, path := range files {
		if err := os.Truncate(path, 100); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := meanNetwork(t, backend, "a").Cached(t.Context(), dir, stripes(7), 4, nil); err == nil || !strings.Contains(err.Error(), filepath.Join(dir, "stripes-7-")) {
		t.Errorf("a damaged file: %v", err)
	}
	if _, err := meanNetwork(t, backend, "a").Cached(t.Context(), filepath.Join(files[0], "below"), stripes(7), 4, nil); err == nil {
		t.Error("a folder below a file was made")
	}
}
