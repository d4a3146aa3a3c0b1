package checkpoint

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/dtypes/bfloat16"
	"github.com/gomlx/compute/dtypes/float16"
	"github.com/gomlx/compute/shapes"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"
	"pgregory.net/rapid"
)

var savable = []dtypes.DType{
	dtypes.Bool, dtypes.Int8, dtypes.Int16, dtypes.Int32, dtypes.Int64,
	dtypes.Uint8, dtypes.Uint16, dtypes.Uint32, dtypes.Uint64,
	dtypes.Float16, dtypes.BFloat16, dtypes.Float32, dtypes.Float64,
}

func TestEveryBitComesBack(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		dir, err := os.MkdirTemp(t.TempDir(), "")
		if err != nil {
			rt.Fatal(err)
		}
		random := rand.New(rand.NewPCG(rapid.Uint64().Draw(rt, "values"), 0))
		store, other := newStore(rt, 1), newStore(rt, 2)
		for i, dtype := range rapid.SliceOfN(rapid.SampledFrom(savable), 0, 8).Draw(rt, "dtypes") {
			dims := rapid.SliceOfN(rapid.IntRange(0, 5), 0, 3).Draw(rt, "dims")
			path := fmt.Sprintf("/%s/x%d", rapid.StringMatching(`[a-z%ä ]{1,5}`).Draw(rt, "scope"), i)
			trainable := rapid.Bool().Draw(rt, "trainable")
			add(rt, store, path, trainable, randomTensor(rt, dtype, random, dims...))
			add(rt, other, path, !trainable, randomTensor(rt, dtype, random, dims...))
		}
		meta := Meta{
			Step: rapid.Int64Range(0, math.MaxInt64/100).Draw(rt, "step"), Seed: rapid.Int64().Draw(rt, "seed"),
			Cursor:       Cursor{Epoch: rapid.Int64Range(0, 9).Draw(rt, "epoch"), Step: rapid.Int64Range(0, 9).Draw(rt, "cursor")},
			SettingsHash: rapid.String().Draw(rt, "hash"), Program: "v0", BestStep: 3, State: json.RawMessage(`{"u":18446744073709551615}`),
		}
		path, err := Save(dir, store, meta)
		if err != nil {
			rt.Fatal(err)
		}
		c, fresh := load(rt, dir)
		if c.Path != path || c.Manifest.Step != meta.Step || c.Manifest.Seed != meta.Seed || c.Manifest.Cursor != meta.Cursor {
			rt.Fatalf("loaded %+v from %s", c.Manifest, c.Path)
		}
		var state struct{ U uint64 }
		if err := json.Unmarshal(c.Manifest.State, &state); err != nil || state.U != math.MaxUint64 {
			rt.Fatalf("state %s", c.Manifest.State)
		}
		if err := c.Restore(other); err != nil {
			rt.Fatal(err)
		}
		want := dump(rt, store)
		if got := dump(rt, fresh); got != want {
			rt.Fatalf("fresh store holds\n%s\nwant\n%s", got, want)
		}
		if got := dump(rt, other); got != want {
			rt.Fatalf("other store holds\n%s\nwant\n%s", got, want)
		}
	})
}

func TestNotFiniteIsRefused(t *testing.T) {
	inf32, nan := float32(math.Inf(1)), math.NaN()
	for name, value := range map[string]*tensors.Tensor{
		"f64 NaN":   tensors.FromValue([]float64{1, 2, nan}),
		"f64 -Inf":  tensors.FromValue([]float64{1, 2, math.Inf(-1)}),
		"f32 NaN":   tensors.FromValue([]float32{1, 2, float32(nan)}),
		"f32 Inf":   tensors.FromValue([]float32{1, 2, inf32}),
		"f16 Inf":   tensors.FromValue([]float16.Float16{1, 2, float16.FromFloat32(inf32)}),
		"bf16 NaN":  tensors.FromValue([]bfloat16.BFloat16{1, 2, bfloat16.FromFloat32(float32(nan))}),
		"bf16 -Inf": tensors.FromValue([]bfloat16.BFloat16{1, 2, bfloat16.FromFloat32(-inf32)}),
	} {
		dir := t.TempDir()
		save(t, dir, 6, 1)
		before := files(t, dir)
		store := newStore(t, 1)
		add(t, store, "/model/broken", true, value)
		_, err := Save(dir, store, Meta{Step: 7})
		if !errors.Is(err, ErrNotFinite) || !strings.Contains(err.Error(), "step 7") ||
			!strings.Contains(err.Error(), "/model/broken") || !strings.Contains(err.Error(), "element 2") {
			t.Errorf("%s: error %v", name, err)
		}
		if err := CheckFinite(store); !errors.Is(err, ErrNotFinite) || !strings.Contains(err.Error(), "/model/broken") {
			t.Errorf("%s: CheckFinite: %v", name, err)
		}
		if err := CheckFinite(newStore(t, 1)); err != nil {
			t.Errorf("CheckFinite of a finite store: %v", err)
		}
		if !sameFiles(before, files(t, dir)) || names(t, dir) != "step-000000006" {
			t.Errorf("%s: the folder holds %s", name, names(t, dir))
		}
	}
}

func TestLargestNumbersAreFinite(t *testing.T) {
	store := model.NewStore()
	add(t, store, "/f64", true, tensors.FromValue([]float64{math.MaxFloat64, -math.MaxFloat64, 5e-324}))
	add(t, store, "/f32", true, tensors.FromValue([]float32{math.MaxFloat32, -math.MaxFloat32, 1e-45}))
	add(t, store, "/f16", true, tensors.FromValue([]float16.Float16{0x7bff, 0xfbff, 1}))
	add(t, store, "/bf16", true, tensors.FromValue([]bfloat16.BFloat16{0x7f7f, 0xff7f, 1}))
	if _, err := Save(t.TempDir(), store, Meta{}); err != nil {
		t.Fatal(err)
	}
}

func TestSaveRefuses(t *testing.T) {
	unset := model.NewStore()
	unset.VariableWithShape("/a", shapes.Make(dtypes.Float32, 1), nil)
	complexes := model.NewStore()
	add(t, complexes, "/a", false, tensors.FromValue([]complex64{1}))
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, []byte("mine"), 0o644); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		dir   string
		store *model.Store
		meta  Meta
		want  string
	}{
		"no value":   {t.TempDir(), unset, Meta{}, "/a has no value"},
		"complex":    {t.TempDir(), complexes, Meta{}, "/a has the data type"},
		"negative":   {t.TempDir(), newStore(t, 1), Meta{Step: -1}, "must not be negative"},
		"state":      {t.TempDir(), newStore(t, 1), Meta{State: json.RawMessage("{")}, "no valid JSON"},
		"not folder": {file, newStore(t, 1), Meta{}, "not a directory"},
	} {
		if _, err := Save(c.dir, c.store, c.meta); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %v, want one with %q", name, err, c.want)
		}
		if c.dir != file && names(t, c.dir) != "" {
			t.Errorf("%s: the folder holds %s", name, names(t, c.dir))
		}
	}
}

func TestMetricsAreLeftOut(t *testing.T) {
	dir, store := t.TempDir(), newStore(t, 1)
	want := dump(t, store)
	add(t, store, "/metrics/Mean Loss_uuid_3f/total", false, tensors.FromValue(float32(math.NaN())))
	if _, err := Save(dir, store, Meta{Step: 1}); err != nil {
		t.Fatal(err)
	}
	c, fresh := load(t, dir)
	if got := dump(t, fresh); got != want {
		t.Errorf("restored\n%s\nwant\n%s", got, want)
	}
	if err := c.Restore(store); err != nil {
		t.Errorf("store with a metric: %v", err)
	}
}

func TestOtherModelIsRefused(t *testing.T) {
	dir := t.TempDir()
	save(t, dir, 1, 1)
	c, _ := load(t, dir)
	shape, dtype, more := model.NewStore(), model.NewStore(), newStore(t, 2)
	add(t, shape, "/model/dense/biases", true, tensors.FromValue([]float32{1}))
	add(t, dtype, "/model/dense/biases", true, tensors.FromValue([]float64{1, 2, 3, 4}))
	add(t, more, "/model/more", true, tensors.FromValue([]float64{1}))
	for name, store := range map[string]*model.Store{"biases is F32[4]": shape, "F64[4] in the model": dtype, "no variable /model/more": more} {
		before := dump(t, store)
		err := c.Restore(store)
		if !errors.Is(err, ErrOtherModel) || !strings.Contains(err.Error(), name) {
			t.Errorf("error %v, want one with %q", err, name)
		}
		if dump(t, store) != before {
			t.Errorf("%s: the store was changed", name)
		}
	}
}
