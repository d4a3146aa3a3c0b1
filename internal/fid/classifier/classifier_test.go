package classifier

import (
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"

	"github.com/kafisto/kafisto/internal/data"
	"github.com/kafisto/kafisto/internal/engine/enginetest"
	"github.com/kafisto/kafisto/internal/fid"
	"github.com/kafisto/kafisto/models"
)

// sample are the first images of the embedded data set.
func sample(t *testing.T, n int) (data.Info, *data.Images) {
	t.Helper()
	info, err := data.Describe("fashion-sample")
	if err != nil {
		t.Fatal(err)
	}
	images, _, err := data.Load(info.Name, "")
	if err == nil {
		images, err = images.Subset(n)
	}
	if err != nil {
		t.Fatal(err)
	}
	return info, images
}

// trained is a store with the variables of a small-cnn of a width, whose running averages are not those
// that it starts with.
func trained(t *testing.T, backend compute.Backend, info data.Info, width int) *model.Store {
	t.Helper()
	network, err := models.ByName("small-cnn", models.Config{Classes: info.Classes, Width: width})
	if err != nil {
		t.Fatal(err)
	}
	store := model.NewStore()
	if err := store.SetRNGStateFromSeed(3); err != nil {
		t.Fatal(err)
	}
	exec := model.MustNewExec(backend, store, func(scope *model.Scope, x *Node) *Node {
		scope.SetTraining(x.Graph(), true)
		return network(scope, x)
	})
	defer exec.Finalize()
	images := make([]float32, 2*info.Height*info.Width*info.Channels)
	for i := range images {
		images[i] = float32(i%7) - 2
	}
	exec.MustCall(tensors.FromFlatDataAndDimensions(images, 2, info.Height, info.Width, info.Channels))
	return store
}

func features(t *testing.T, info data.Info, width int) models.Classifier {
	t.Helper()
	fn, err := models.FeaturesByName("small-cnn", models.Config{Classes: info.Classes, Width: width})
	if err != nil {
		t.Fatal(err)
	}
	return fn
}

// TestStatistics holds the mean of the features against that of an evaluation of normalised images, and
// finds the distance of images from themselves to be nothing, and from their negatives more.
func TestStatistics(t *testing.T) {
	info, images := sample(t, 23)
	enginetest.Each(t, func(t *testing.T, backend compute.Backend) {
		want := means(t, backend, info, images)
		network, err := New(backend, trained(t, backend, info, 2), features(t, info, 2), info, Origin{Model: "small-cnn", Step: 12, SHA256: "abc"})
		if err != nil {
			t.Fatal(err)
		}
		defer network.Close()
		if network.Figure() != "Fréchet distance (not FID) on features of small-cnn of fashion-sample at step 12" || network.Source() != "small-cnn of fashion-sample step 12 sha256:abc" {
			t.Errorf("figure %q, source %q", network.Figure(), network.Source())
		}
		of := func(images *data.Images, batch int) *fid.Statistics {
			s, err := network.Statistics(t.Context(), images, batch, nil)
			if err != nil {
				t.Fatal(err)
			}
			return s
		}
		s := of(images, 8)
		if len(s.Mean) != len(want) || s.Count != 23 || s.Source != network.Source() {
			t.Fatalf("%d features of %d images by %q, want %d", len(s.Mean), s.Count, s.Source, len(want))
		}
		for i := range want {
			if math.Abs(s.Mean[i]-want[i]) > 1e-4*(1+math.Abs(want[i])) {
				t.Fatalf("mean of feature %d is %g, want %g", i, s.Mean[i], want[i])
			}
		}
		same, err1 := fid.Distance(t.Context(), s, of(images, 23))
		far, err2 := fid.Distance(t.Context(), s, of(negative(images), 8))
		if err1 != nil || err2 != nil || same > 1e-3 || far < 1 {
			t.Errorf("distances %g (%v) and %g (%v)", same, err1, far, err2)
		}
	})
}

// means are those of the features of images by another way: normalised by the data set's loader.
func means(t *testing.T, backend compute.Backend, info data.Info, images *data.Images) []float64 {
	t.Helper()
	loader, err := data.NewLoader(images, data.LoaderConfig{BatchSize: images.Len(), Mean: info.Mean, Std: info.Std})
	if err != nil {
		t.Fatal(err)
	}
	reader, err := data.ReadAhead(t.Context(), loader, 0, 1)
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Close()
	batch, err := reader.Next()
	if err != nil {
		t.Fatal(err)
	}
	store := trained(t, backend, info, 2)
	defer store.Finalize()
	exec := model.MustNewExec(backend, store, (func(*model.Scope, *Node) *Node)(features(t, info, 2)))
	defer exec.Finalize()
	rows := tensors.MustCopyFlatData[float32](exec.MustCall(tensors.FromFlatDataAndDimensions(batch.Pixels, batch.Size, info.Height, info.Width, info.Channels))[0])
	out := make([]float64, len(rows)/batch.Size)
	for i, v := range rows {
		out[i%len(out)] += float64(v) / float64(batch.Size)
	}
	return out
}

// negative are the images with white for black.
func negative(images *data.Images) *data.Images {
	out := *images
	out.Pixels = slices.Clone(images.Pixels)
	for i := range out.Pixels {
		out.Pixels[i] = 255 - out.Pixels[i]
	}
	return &out
}

func TestRefuses(t *testing.T) {
	info, images := sample(t, 4)
	backend := enginetest.Backend(t, "go")
	for says, c := range map[string]struct {
		store    *model.Store
		features models.Classifier
	}{
		"has variables that the checkpoint has not": {model.NewStore(), features(t, info, 2)},
		"classifier: small-cnn of fashion-sample: ": {trained(t, backend, info, 3), features(t, info, 2)},
		"want float32 [batch, features]": {trained(t, backend, info, 2), func(scope *model.Scope, x *Node) *Node {
			return Zeros(x.Graph(), shapes.Make(dtypes.Float32, 1))
		}},
	} {
		if _, err := New(backend, c.store, c.features, info, Origin{Model: "small-cnn"}); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("error %v, want one with %q", err, says)
		}
	}
	network, err := New(backend, trained(t, backend, info, 2), features(t, info, 2), info, Origin{})
	if err != nil {
		t.Fatal(err)
	}
	defer network.Close()
	wide := *images
	wide.Width, wide.Height = images.Width/2, images.Height*2
	if _, err := network.Statistics(t.Context(), &wide, 2, nil); err == nil || !strings.Contains(err.Error(), "as those of fashion-sample") {
		t.Errorf("images of another size: %v", err)
	}
}
