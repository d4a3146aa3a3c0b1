package checkpoint

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/gomlx/gomlx/ml/model"

	"github.com/kafisto/kafisto/internal/alloctest"
	"github.com/kafisto/kafisto/internal/checkpoint/safetensors"
)

// TestDamageIsRefused flips a bit of, cuts, extends or removes each file of the
// newest checkpoint; the older one must be used and the damaged file be named.
func TestDamageIsRefused(t *testing.T) {
	dir := t.TempDir()
	older, newer := save(t, dir, 1, 1), save(t, dir, 2, 2)
	want := dump(t, newStore(t, 1))
	random := rand.New(rand.NewPCG(1, 2))
	for _, name := range ours {
		path := filepath.Join(newer, name)
		whole, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for try := range 200 {
			damaged := bytes.Clone(whole)
			switch {
			case try < 150:
				damaged[random.IntN(len(damaged))] ^= 1 << random.IntN(8)
			case try < 190:
				damaged = damaged[:random.IntN(len(damaged))]
			default:
				damaged = append(damaged, byte(random.Uint32()))
			}
			if err := os.WriteFile(path, damaged, 0o644); err != nil {
				t.Fatal(err)
			}
			c, err := Load(dir)
			if err != nil {
				t.Fatal(err)
			}
			if c.Path != older || len(c.Skipped) != 1 {
				t.Fatalf("%s, damage %d: loaded %s, skipped %v", name, try, c.Path, c.Skipped)
			}
			said := c.Skipped[0].Error()
			if file := strings.TrimSuffix(name, filepath.Ext(name)); !strings.Contains(said, file) || !strings.Contains(said, newer) {
				t.Fatalf("%s, damage %d: said %q", name, try, said)
			}
		}
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
		if c, store := load(t, dir); c.Path != older || dump(t, store) != want {
			t.Fatalf("%s removed: loaded %s", name, c.Path)
		}
		if err := os.WriteFile(path, whole, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := Open(newer); err != nil {
		t.Errorf("whole again: %v", err)
	}
}

// TestDamageAfterLoad spoils the file between Load and Restore.
func TestDamageAfterLoad(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(save(t, dir, 1, 1), VariablesFile)
	c, err := Load(dir)
	if err != nil {
		t.Fatal(err)
	}
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	whole[len(whole)-1] ^= 1
	if err := os.WriteFile(path, whole, 0o644); err != nil {
		t.Fatal(err)
	}
	store := newStore(t, 3)
	before := dump(t, store)
	if err := c.Restore(store); err == nil {
		t.Error("restored from a damaged file")
	}
	if dump(t, store) != before {
		t.Error("the store was changed")
	}
}

func FuzzParseManifest(f *testing.F) {
	dir := f.TempDir()
	text, err := os.ReadFile(filepath.Join(save(f, dir, 1, 1), ManifestFile))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(text)
	f.Add([]byte(`{"format":1,"variables":[{"path":"/a","dtype":"F32","shape":[0,4611686018427387904]}]}`))
	for _, shape := range []string{"0,-1", "-1,0"} {
		f.Add(fmt.Appendf(nil, `{"format":1,"variables":[{"path":"/a","dtype":"F32","shape":[%s]}],"variables_sha256":"%064d"}`, shape, 0))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		var m *Manifest
		var err error
		alloctest.Within(t, 1<<20+256*len(text), func() { m, err = parseManifest(text) })
		if err != nil {
			return
		}
		for _, v := range m.Variables {
			if slices.ContainsFunc(v.Shape, func(dim int64) bool { return dim < 0 }) {
				t.Fatalf("%+v was taken", v)
			}
		}
		again, err := m.encode()
		if err != nil {
			t.Skip() // a time before year 0, or one too large
		}
		if _, err := parseManifest(again); err != nil {
			t.Fatalf("written again: %v", err)
		}
	})
}

// FuzzOpen makes hostile files whose sizes and sums are right.
func FuzzOpen(f *testing.F) {
	content := map[string][]byte{}
	path := save(f, f.TempDir(), 1, 1)
	for _, name := range ours {
		text, err := os.ReadFile(filepath.Join(path, name))
		if err != nil {
			f.Fatal(err)
		}
		content[name] = text
	}
	f.Add(content[ManifestFile], content[VariablesFile])
	for _, v := range []Variable{
		{"//", safetensors.U8, []int64{1}, false},
		{"/a//../b/", safetensors.Bool, []int64{1}, true},
		{"/#rngState", safetensors.F64, []int64{}, true},
		{"/empty", safetensors.F32, []int64{0, 1 << 62, 1 << 62}, true},
		{"/ones", safetensors.F32, slices.Repeat([]int64{1}, 300), true},
		{"/negative", safetensors.F32, []int64{0, -1}, true},
		{"/negative", safetensors.F32, []int64{-1, 0}, true},
	} {
		manifest, err := (&Manifest{Format: Format, Variables: []Variable{v}}).encode()
		if err != nil {
			f.Fatal(err)
		}
		layout := []safetensors.Tensor{v.tensor()}
		var variables bytes.Buffer
		_ = safetensors.Pack(layout) // refuses the negative ones, which take no bytes
		if err := safetensors.WriteHeader(&variables, layout, nil); err != nil {
			f.Fatal(err)
		}
		variables.Write(bytes.Repeat([]byte{2}, int(layout[0].End)))
		f.Add(manifest, variables.Bytes())
	}
	f.Fuzz(func(t *testing.T, manifest, variables []byte) {
		fields := map[string]json.RawMessage{}
		if json.Unmarshal(manifest, &fields) == nil {
			fields["variables_size"], _ = json.Marshal(len(variables))
			fields["variables_sha256"], _ = json.Marshal(sumLine(variables)[:64])
			manifest, _ = json.Marshal(fields)
		}
		dir := filepath.Join(t.TempDir(), "step-000000001")
		if err := os.Mkdir(dir, 0o755); err != nil {
			t.Fatal(err)
		}
		for name, data := range map[string][]byte{ManifestFile: manifest, VariablesFile: variables, SumFile: []byte(sumLine(manifest))} {
			if err := os.WriteFile(filepath.Join(dir, name), data, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		var c *Checkpoint
		var err error
		alloctest.Within(t, 1<<20+512*(len(manifest)+len(variables)), func() { c, err = Open(dir) })
		if err != nil {
			return
		}
		for _, store := range []*model.Store{newStore(t, 2), model.NewStore()} {
			before := dump(t, store)
			if err := c.Restore(store); err != nil && dump(t, store) != before {
				t.Fatalf("the store was changed, then %v", err)
			}
		}
	})
}
