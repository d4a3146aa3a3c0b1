package enginetest

import (
	"testing"

	"github.com/gomlx/compute"
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
)

// TestEach multiplies two matrices on every backend.
func TestEach(t *testing.T) {
	Each(t, func(t *testing.T, backend compute.Backend) {
		product, err := graph.NewExec(backend, func(a, b *graph.Node) *graph.Node { return graph.MatMul(a, b) })
		if err != nil {
			t.Fatal(err)
		}
		a := tensors.FromValue([][]float32{{1, 2}, {3, 4}})
		b := tensors.FromValue([][]float32{{5, 6}, {7, 8}})
		results, err := product.Call(a, b)
		if err != nil {
			t.Fatal(err)
		}
		got := results[0].Value().([][]float32)
		want := [2][2]float32{{19, 22}, {43, 50}}
		for i, row := range want {
			for j, value := range row {
				if got[i][j] != value {
					t.Errorf("product[%d][%d] = %g, want %g", i, j, got[i][j], value)
				}
			}
		}
	})
}
