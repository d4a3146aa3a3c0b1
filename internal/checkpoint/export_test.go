package checkpoint

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/kafisto/kafisto/internal/checkpoint/safetensors"
)

// export opens a checkpoint and exports those variables that include selects.
func export(path, out string, include func(Manifest) func(Variable) bool) error {
	c, err := Open(path)
	if err != nil {
		return err
	}
	return c.Export(out, include(c.Manifest))
}

func exportModel(path, out string) error { return export(path, out, ModelOf) }

// TestModelOf: what belongs to a network is exported, and nothing else.
func TestModelOf(t *testing.T) {
	m := Manifest{Variables: []Variable{
		{Path: "/conv/norm/scale", Trainable: true}, {Path: "/conv/norm/mean"}, {Path: "/conv/weights", Trainable: true},
		{Path: "/root", Trainable: true}, {Path: "/global_step"}, {Path: "/kafisto/velocity/conv/norm/scale"}, {Path: "/carried/state0"},
	}}
	var got []string
	for _, v := range m.Variables {
		if ModelOf(m)(v) {
			got = append(got, v.Path)
		}
	}
	if want := "/conv/norm/scale /conv/norm/mean /conv/weights /root"; strings.Join(got, " ") != want {
		t.Errorf("%v, want %s", got, want)
	}
}

func TestExport(t *testing.T) {
	dir := t.TempDir()
	path, out := save(t, dir, 3, 1), filepath.Join(dir, "model.safetensors")
	if err := exportModel(path, out); err != nil {
		t.Fatal(err)
	}
	file, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	in := bytes.NewReader(file)
	header, err := safetensors.ReadHeader(in, int64(len(file)))
	if err != nil {
		t.Fatal(err)
	}
	if header.Metadata["step"] != "3" || len(header.Tensors) != 2 {
		t.Fatalf("header %+v", header)
	}
	values := file[len(file)-in.Len():]
	store := newStore(t, 1)
	for _, tensor := range header.Tensors {
		v := store.GetVariable(tensor.Name)
		if v == nil || !v.Trainable {
			t.Fatalf("%s is exported", tensor.Name)
		}
		v.MustValue().ConstBytes(func(want []byte) {
			if !bytes.Equal(values[tensor.Begin:tensor.End], want) {
				t.Errorf("%s has other values", tensor.Name)
			}
		})
	}
}

func TestExportRefuses(t *testing.T) {
	dir := t.TempDir()
	path, out := save(t, dir, 3, 1), filepath.Join(dir, "model.safetensors")
	if err := export(path, out, func(Manifest) func(Variable) bool { return func(Variable) bool { return false } }); err == nil {
		t.Error("exported nothing")
	}
	if err := os.WriteFile(filepath.Join(path, SumFile), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := exportModel(path, out); err == nil {
		t.Error("exported a damaged checkpoint")
	}
	if _, err := os.Stat(out); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a file was left: %v", err)
	}
}

// reader prints name, dtype, shape and bytes of every tensor, sorted by name.
const reader = `
import sys
from safetensors.numpy import load_file
for name, a in sorted(load_file(sys.argv[1]).items()):
    print(name, a.dtype, list(a.shape), a.tobytes().hex())
`

// TestPythonReads gives exports and whole checkpoints to Python's safetensors.
func TestPythonReads(t *testing.T) {
	if err := exec.Command("python3", "-c", "import safetensors.numpy").Run(); err != nil {
		t.Skip("no python3 with safetensors and numpy:", err)
	}
	dir := t.TempDir()
	path, out := save(t, dir, 3, 1), filepath.Join(dir, "model.safetensors")
	if err := exportModel(path, out); err != nil {
		t.Fatal(err)
	}
	numpy := map[safetensors.DType]string{
		safetensors.F32: "float32", safetensors.F64: "float64", safetensors.I64: "int64", safetensors.U64: "uint64",
	}
	for file, include := range map[string]func(Variable) bool{
		out:                                func(v Variable) bool { return v.Trainable },
		filepath.Join(path, VariablesFile): func(Variable) bool { return true },
	} {
		got, err := exec.Command("python3", "-c", reader, file).Output()
		if err != nil {
			t.Fatal(err)
		}
		store := newStore(t, 1)
		variables, err := describe(store)
		if err != nil {
			t.Fatal(err)
		}
		lines := 0
		for _, v := range variables {
			if !include(v) {
				continue
			}
			lines++
			store.GetVariable(v.Path).MustValue().ConstBytes(func(data []byte) {
				shape := strings.ReplaceAll(fmt.Sprint(v.Shape), " ", ", ")
				if want := fmt.Sprintf("%s %s %s %x\n", v.Path, numpy[v.DType], shape, data); !strings.Contains(string(got), want) {
					t.Errorf("Python reads\n%swant\n%s", got, want)
				}
			})
		}
		if n := strings.Count(string(got), "\n"); n != lines {
			t.Errorf("Python reads %d tensors, want %d", n, lines)
		}
	}
}
