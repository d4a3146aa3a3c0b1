package native

import (
	"fmt"
	"math"

	"github.com/gomlx/compute"
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
)

// check runs one small convolution on a backend and compares it with the sum
// that it should be: a plugin that calls kernels differently is found out
// before anything is trained.
func check(backend compute.Backend) error {
	const size, in, out = 5, 3, 2
	c := Conv{Batch: 1, In: [2]int{size, size}, Out: [2]int{size, size}, InChannels: in, Channels: out,
		Kernel: [2]int{3, 3}, Stride: [2]int{1, 1}, Padding: [2]int{1, 1}}
	x, w := make([]float32, size*size*in), make([]float32, 3*3*in*out)
	for i := range x {
		x[i] = float32(i%7) - 3
	}
	for i := range w {
		w[i] = float32(i%5) - 2
	}
	y, err := ExecOnce(backend, c.Forward, tensors.FromFlatDataAndDimensions(x, 1, size, size, in),
		tensors.FromFlatDataAndDimensions(w, 3, 3, in, out))
	if err != nil {
		return err
	}
	got, err := tensors.CopyFlatData[float32](y)
	if err != nil {
		return err
	}
	for q := range size * size {
		for k := range out {
			var want float32
			for tap := range 9 {
				row, column := q/size+tap/3-1, q%size+tap%3-1
				if row < 0 || row >= size || column < 0 || column >= size {
					continue
				}
				for i := range in {
					want += x[(row*size+column)*in+i] * w[(tap*in+i)*out+k]
				}
			}
			if math.Abs(float64(got[q*out+k]-want)) > 1e-3 {
				return fmt.Errorf("a convolution gave %g in place of %g", got[q*out+k], want)
			}
		}
	}
	return nil
}
