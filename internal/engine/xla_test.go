//go:build cgo && ((linux && (amd64 || arm64)) || (darwin && arm64) || (windows && amd64))

package engine

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
)

// TestOpenXLA opens the installed plugin twice and multiplies two matrices.
func TestOpenXLA(t *testing.T) {
	multiply(t)
	multiply(t)
}

func multiply(t *testing.T) {
	engine, err := Open(t.Context(), Options{Choice: XLACPU, Offline: true})
	if err != nil {
		if os.Getenv("KAFISTO_REQUIRE_XLA") == "1" {
			t.Fatal(err)
		}
		t.Skip(err)
	}
	defer engine.Close()
	product, err := graph.NewExec(engine.Backend, func(a, b *graph.Node) *graph.Node { return graph.MatMul(a, b) })
	if err != nil {
		t.Fatal(err)
	}
	defer product.Finalize()
	results, err := product.Call(
		tensors.FromValue([][]float64{{1, 2}, {3, 4}}), tensors.FromValue([][]float64{{5, 6}, {7, 8}}))
	if err != nil {
		t.Fatal(err)
	}
	got := results[0].Value().([][]float64)
	if got[0][0] != 19 || got[0][1] != 22 || got[1][0] != 43 || got[1][1] != 50 {
		t.Errorf("product %v", got)
	}
	results[0].FinalizeAll()
}

// TestNoPlugin loads what is no plugin: a file without libraries, a whole
// program and folders that go-xla would misread. All are errors.
func TestNoPlugin(t *testing.T) {
	program := testProgram(t)
	folder := t.TempDir()
	text := filepath.Join(folder, "pjrt_c_api_cpu_plugin.so")
	if err := os.WriteFile(text, []byte("no library"), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{
		text, program, filepath.Join(folder, "none.so"), "/a,b/pjrt_c_api_cpu_plugin.so",
		"/nvidia/pjrt_c_api_cpu_plugin.so", "/cpu/pjrt_c_api_cuda_plugin.so",
	} {
		if backend, err := openPlugin(path); err == nil || backend != nil {
			t.Errorf("opened %s: %v", path, backend)
		}
	}
}

// TestQuiet runs the tests above in a process of their own: neither XLA nor
// go-xla says anything on its standard error.
func TestQuiet(t *testing.T) {
	command := exec.CommandContext(t.Context(), testProgram(t), "-test.run=^(TestOpenXLA|TestNoPlugin)$")
	var said bytes.Buffer
	command.Stderr = &said
	if err := command.Run(); err != nil {
		t.Fatal(err)
	}
	if said.Len() > 0 {
		t.Errorf("standard error: %q", said.String())
	}
}
