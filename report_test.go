package kafisto

import (
	"testing"

	"github.com/gomlx/compute"
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"

	"github.com/kafisto/kafisto/internal/engine/enginetest"
)

func TestMedian(t *testing.T) {
	enginetest.Each(t, func(t *testing.T, backend compute.Backend) {
		for _, test := range []struct {
			in   []float64
			want float64
		}{{[]float64{7}, 7}, {[]float64{3, 1}, 2}, {[]float64{5, 1, 3}, 3}, {[]float64{2, 2, 2, 9}, 2}, {[]float64{-1, 4, 4, 0}, 2}} {
			out, err := graph.NewExec(backend, func(v *graph.Node) *graph.Node { return median(v) })
			if err != nil {
				t.Fatal(err)
			}
			got, err := out.Call(test.in)
			if err != nil {
				t.Fatal(err)
			}
			if m := tensors.ToScalar[float64](got[0]); m != test.want {
				t.Errorf("median of %v is %g, want %g", test.in, m, test.want)
			}
		}
	})
}
