package weights

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/kafisto/kafisto/internal/checkpoint/safetensors"
)

// ramp are the numbers that testdata/export_torch.py fills tensors with.
func ramp(n int) []float32 {
	values := make([]float32, n)
	for i := range values {
		values[i] = float32(i)/2 - 1
	}
	return values
}

// TestReadTorch reads what PyTorch has written, in both of its forms.
func TestReadTorch(t *testing.T) {
	for _, name := range []string{"zip.pth", "legacy.pth"} {
		path := filepath.Join("testdata", name)
		f, err := Read(path)
		if err != nil {
			t.Fatal(err)
		}
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if sum := sha256.Sum256(data); f.SHA256() != hex.EncodeToString(sum[:]) {
			t.Errorf("%s: SHA-256 %s", name, f.SHA256())
		}
		want := []string{"conv.weight", "conv.bias", "norm.weight", "norm.bias", "norm.running_mean", "norm.running_var",
			"norm.num_batches_tracked", "channels_last", "whole", "part", "double", "half", "brain", "empty", "parameter", "flags", "bytes"}
		if !slices.Equal(f.Names(), want) {
			t.Errorf("%s: tensors %v", name, f.Names())
		}
		for _, c := range []struct {
			name  string
			dtype safetensors.DType
			want  []float32
			shape []int
		}{
			{"conv.weight", safetensors.F32, ramp(12), []int{2, 3, 2, 1}},
			{"norm.running_var", safetensors.F32, ramp(2), []int{2}},
			{"channels_last", safetensors.F32, ramp(24), []int{2, 3, 2, 2}},
			{"whole", safetensors.F32, ramp(20), []int{4, 5}},
			{"part", safetensors.F32, []float32{2.5, 5, 3, 5.5, 3.5, 6}, []int{3, 2}},
			{"double", safetensors.F64, ramp(7), []int{7}},
			{"half", safetensors.F16, ramp(7), []int{7}},
			{"brain", safetensors.BF16, ramp(7), []int{7}},
			{"empty", safetensors.F32, []float32{}, []int{0, 4}},
			{"parameter", safetensors.F32, ramp(3), []int{3}},
		} {
			got, err := f.Float32(c.name, c.shape...)
			if err != nil || !reflect.DeepEqual(got, c.want) {
				t.Errorf("%s: %s is %v, want %v (%v)", name, c.name, got, c.want, err)
			}
			if tensor := f.Tensor(c.name); tensor.DType() != c.dtype || !slices.Equal(tensor.Shape(), c.shape) {
				t.Errorf("%s: %s is %s %v", name, c.name, tensor.DType(), tensor.Shape())
			}
		}
		if tensor := f.Tensor("norm.num_batches_tracked"); tensor.DType() != safetensors.I64 || len(tensor.Shape()) != 0 {
			t.Errorf("%s: counter is %s %v", name, tensor.DType(), tensor.Shape())
		}
		for what, err := range map[string]error{
			"other network": second(f.Float32("conv2.weight", 1)), "other shape": second(f.Float32("whole", 5, 4)),
			"no fractions": second(f.Float32("bytes", 3)),
		} {
			if err == nil || !strings.Contains(err.Error(), name) {
				t.Errorf("%s: %s: %v", name, what, err)
			}
		}
	}
}

func second(_ []float32, err error) error { return err }

func TestReadSafetensors(t *testing.T) {
	layout := []safetensors.Tensor{
		{Name: "scalar", DType: safetensors.F32}, {Name: "bytes", DType: safetensors.U8, Shape: []int64{3}},
		{Name: "matrix", DType: safetensors.BF16, Shape: []int64{2, 1}},
	}
	if err := safetensors.Pack(layout); err != nil {
		t.Fatal(err)
	}
	var file bytes.Buffer
	if err := safetensors.WriteHeader(&file, layout, nil); err != nil {
		t.Fatal(err)
	}
	file.Write([]byte{0, 0, 0x20, 0x40, 1, 2, 3, 0x80, 0x3f, 0x00, 0xc0})
	path := filepath.Join(t.TempDir(), "a.safetensors")
	if err := os.WriteFile(path, file.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := Read(path)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := f.Float32("scalar"); err != nil || got[0] != 2.5 {
		t.Errorf("scalar %v, %v", got, err)
	}
	if got, err := f.Float32("matrix", 2, 1); err != nil || !slices.Equal(got, []float32{1, -2}) {
		t.Errorf("matrix %v, %v", got, err)
	}
	if got := f.Names(); !slices.Equal(got, []string{"scalar", "bytes", "matrix"}) {
		t.Errorf("names %v", got)
	}
}
