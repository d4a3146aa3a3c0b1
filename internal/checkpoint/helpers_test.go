package checkpoint

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"
)

// fataler is a *testing.T, *testing.F or *rapid.T.
type fataler interface {
	Helper()
	Fatal(...any)
	Fatalf(string, ...any)
}

// randomTensor has finite values of any bits.
func randomTensor(t fataler, dtype dtypes.DType, random *rand.Rand, dims ...int) *tensors.Tensor {
	t.Helper()
	value := tensors.FromShape(shapes.Make(dtype, dims...))
	err := value.MutableBytes(func(data []byte) {
		for i := range data {
			data[i] = byte(random.Uint32())
			if dtype == dtypes.Bool {
				data[i] %= 2
			}
			if dtype.IsFloat() && i%dtype.Size() == dtype.Size()-1 {
				data[i] &^= 0x40 // an exponent bit
			}
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	return value
}

// add puts a variable into the store.
func add(t fataler, store *model.Store, path string, trainable bool, value *tensors.Tensor) *model.Variable {
	t.Helper()
	v, err := store.CreateVariable(path, value)
	if err != nil {
		t.Fatal(err)
	}
	return v.SetTrainable(trainable)
}

// newStore has variables as a small run has them, with values of the seed.
func newStore(t fataler, seed uint64) *model.Store {
	t.Helper()
	random := rand.New(rand.NewPCG(seed, 0))
	store := model.NewStore()
	add(t, store, "/model/dense/weights", true, randomTensor(t, dtypes.Float32, random, 3, 4))
	add(t, store, "/model/dense/biases", true, randomTensor(t, dtypes.Float32, random, 4))
	add(t, store, "/optimizers/kafisto/P", false, randomTensor(t, dtypes.Float64, random, 3))
	add(t, store, "/global_step", false, randomTensor(t, dtypes.Int64, random))
	if err := store.SetRNGStateFromSeed(int64(seed)); err != nil {
		t.Fatal(err)
	}
	return store
}

// dump tells everything that has to survive, one line a variable, in order.
func dump(t fataler, store *model.Store) string {
	t.Helper()
	var text strings.Builder
	for v := range store.IterVariables() {
		value, err := v.Value()
		if err == nil && v.Shape().Size() > 0 {
			err = value.ConstBytes(func(data []byte) {
				fmt.Fprintf(&text, "%s %s %t %x\n", v.Path(), v.Shape(), v.Trainable, data)
			})
		} else {
			fmt.Fprintf(&text, "%s %s %t\n", v.Path(), v.Shape(), v.Trainable)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return text.String()
}

// save saves the store of the seed as the checkpoint of the step.
func save(t fataler, dir string, step int64, seed uint64) string {
	t.Helper()
	path, err := Save(dir, newStore(t, seed), Meta{Step: step, State: json.RawMessage(`{"best":1.5}`)})
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// load loads and restores the newest checkpoint.
func load(t fataler, dir string) (*Checkpoint, *model.Store) {
	t.Helper()
	c, err := Load(dir)
	if err != nil {
		t.Fatal(err)
	}
	store := model.NewStore()
	if err := c.Restore(store); err != nil {
		t.Fatal(err)
	}
	return c, store
}

// names lists what lies in dir.
func names(t fataler, dir string) string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var list []string
	for _, e := range entries {
		list = append(list, e.Name())
	}
	return strings.Join(list, " ")
}

// files reads every file below dir.
func files(t *testing.T, dir string) map[string][]byte {
	t.Helper()
	content := map[string][]byte{}
	err := filepath.WalkDir(dir, func(path string, e os.DirEntry, err error) error {
		if err == nil && e.Type().IsRegular() {
			content[path], err = os.ReadFile(path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return content
}

func sameFiles(a, b map[string][]byte) bool {
	for path, content := range a {
		if other, ok := b[path]; !ok || !bytes.Equal(content, other) {
			return false
		}
	}
	return len(a) == len(b)
}
