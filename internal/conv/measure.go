package conv

import (
	"fmt"
	"slices"
	"time"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/shapes"
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
)

// MeasureRow measures every lowering that can compute the pass of that problem on a backend, and
// returns the table's row for it. The lowerings take turns, rounds times after a first turn that is
// not counted, and the least time of each counts: whatever else the machine does only adds to it.
func MeasureRow(backend compute.Backend, pass Pass, p Problem, rounds int) (Row, error) {
	row := Row{Place: PlaceOf(backend), Pass: pass, Kernel: p.Kernel, Stride: p.Stride,
		Inputs: p.Inputs, Outputs: p.Outputs, Size: p.Out, Batch: p.Batch}
	inputs := p.arguments(pass)
	var execs []*Exec
	for _, l := range lowerings {
		if !l.can(row.Place, pass, p) {
			continue
		}
		exec, err := NewExec(backend, func(a, b *Node) *Node { return l.pass(pass)(a, b, p.Geometry) })
		if err != nil {
			return row, fmt.Errorf("conv: %s of %+v by %s: %w", pass, p, l.name, err)
		}
		defer exec.Finalize()
		execs = append(execs, exec)
		row.Fastest = append(row.Fastest, Measure{Lowering: l.name, Milliseconds: -1})
	}
	for round := range rounds + 1 {
		for i, exec := range execs {
			took, err := timeOf(exec, inputs)
			if err != nil {
				return row, fmt.Errorf("conv: %s of %+v by %s: %w", pass, p, row.Fastest[i].Lowering, err)
			}
			if m := &row.Fastest[i]; round == 1 || round > 1 && took < m.Milliseconds {
				m.Milliseconds = took
			}
		}
	}
	slices.SortStableFunc(row.Fastest, func(a, b Measure) int {
		if a.Milliseconds < b.Milliseconds {
			return -1
		}
		return 1
	})
	return row, nil
}

// timeOf runs a graph once and returns the milliseconds until its result was there.
func timeOf(exec *Exec, inputs [2]*tensors.Tensor) (float64, error) {
	start := time.Now()
	results, err := exec.Call(inputs[0], inputs[1])
	if err != nil {
		return 0, err
	}
	if err := results[0].ConstFlatData(func(any) {}); err != nil { // waits for it
		return 0, err
	}
	took := float64(time.Since(start).Microseconds()) / 1000
	return took, results[0].FinalizeAll()
}

// pass is the lowering's function for a pass.
func (l *lowering) pass(pass Pass) func(a, b *Node, g Geometry) *Node {
	switch pass {
	case ForwardPass:
		return l.forward
	case InputGradientPass:
		return l.inputGradient
	default:
		return l.weightGradient
	}
}

// arguments are tensors for the pass, of numbers that differ.
func (p Problem) arguments(pass Pass) [2]*tensors.Tensor {
	x := []int{p.Batch, p.In[0], p.In[1], p.Inputs}
	w := []int{p.Kernel[0], p.Kernel[1], p.Inputs, p.Outputs}
	dy := []int{p.Batch, p.Out[0], p.Out[1], p.Outputs}
	pair := map[Pass][2][]int{ForwardPass: {x, w}, InputGradientPass: {dy, w}, WeightGradientPass: {x, dy}}[pass]
	var arguments [2]*tensors.Tensor
	for i, dims := range pair {
		flat := make([]float32, shapes.Make(p.DType, dims...).Size())
		for j := range flat {
			flat[j] = float32(j%1009)/500 - 1
		}
		arguments[i] = tensors.FromFlatDataAndDimensions(flat, dims...)
	}
	return arguments
}
