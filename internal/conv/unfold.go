package conv

import (
	"slices"

	"github.com/gomlx/compute"
	. "github.com/gomlx/gomlx/core/graph"

	"github.com/kafisto/kafisto/internal/gradient"
)

// Unfold lays out the windows of x [batch, height, width, channels] as rows:
// [batch * out height * out width, kernel height * kernel width * channels]. Its gradient is fold.
//
// The windows are cut out by padding with negative amounts, not by slices: the pure-Go backend
// copies rows for the first and single numbers for the second, which is many times slower.
func Unfold(x *Node, g Geometry) *Node {
	batch, channels := x.Shape().Dimensions[0], x.Shape().Dimensions[3]
	phased := reshape(padZeros(x, g.alignment()), g.phased(batch, channels))
	var windows []*Node
	for i := range g.Kernel[0] {
		for j := range g.Kernel[1] {
			windows = append(windows, Reshape(padZeros(phased, g.window(i, j)), -1, channels))
		}
	}
	return gradient.With(Concatenate(windows, 1), []*Node{x}, func(adjoint *Node) []*Node {
		return []*Node{fold(adjoint, g, batch, channels)}
	})
}

// fold adds up the rows of Unfold where they came from: [batch, height, width, channels]. Its
// gradient is Unfold.
func fold(rows *Node, g Geometry, batch, channels int) *Node {
	size := g.Kernel[0] * g.Kernel[1]
	windows := Reshape(rows, -1, size, channels)
	var sum *Node
	for i := range g.Kernel[0] {
		for j := range g.Kernel[1] {
			window := reshape(pick(windows, i*g.Kernel[1]+j, size), g.view(batch, channels))
			window = padZeros(window, negated(g.window(i, j)))
			if sum == nil {
				sum = window
			} else {
				sum = Add(sum, window)
			}
		}
	}
	aligned := Reshape(sum, batch, g.rows(0)*g.Stride[0], g.rows(1)*g.Stride[1], channels)
	x := padZeros(aligned, negated(g.alignment()))
	return gradient.With(x, []*Node{rows}, func(adjoint *Node) []*Node {
		return []*Node{Unfold(adjoint, g)}
	})
}

// pick is element index of size along the middle axis of the three axes of x.
func pick(x *Node, index, size int) *Node {
	middle := compute.PadAxis{Start: -index, End: index + 1 - size}
	return Squeeze(padZeros(x, []compute.PadAxis{{}, middle, {}}), 1)
}

// reshape is Reshape, but no operation at all (on the pure-Go backend, often a copy) if x has that
// shape already.
func reshape(x *Node, dims []int) *Node {
	if slices.Equal(x.Shape().Dimensions, dims) {
		return x
	}
	return Reshape(x, dims...)
}
