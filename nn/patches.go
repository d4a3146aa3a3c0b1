package nn

import (
	"slices"

	"github.com/gomlx/compute"
	. "github.com/gomlx/gomlx/core/graph"
)

// Convolution by patches: every window of the input is laid out as a row, and the convolution is
// one matrix product of these rows with the kernel. It costs kernel-size times the input in memory
// and is right for every kernel, even ones too.
//
// The windows are cut out by padding with negative amounts, not by slices: the pure-Go backend
// copies rows for the first and single numbers for the second, which is many times slower.

// convolveByPatches convolves x [batch, height, width, in] with w [kernel height, kernel width, in,
// out].
func convolveByPatches(x, w *Node, g geometry) *Node {
	batch, channels := x.Shape().Dimensions[0], w.Shape().Dimensions[3]
	rows := unfold(x, g)
	y := product(rows, Reshape(w, -1, channels))
	return Reshape(y, batch, g.out[0], g.out[1], channels)
}

// convolveByProduct is the convolution with a 1x1 kernel: a matrix product of every stride-th pixel.
func convolveByProduct(x, w *Node, g geometry) *Node {
	if g.stride != [2]int{1, 1} {
		x = Slice(x, AxisRange(), AxisRange().Stride(g.stride[0]), AxisRange().Stride(g.stride[1]), AxisRange())
	}
	batch, in, channels := x.Shape().Dimensions[0], w.Shape().Dimensions[2], w.Shape().Dimensions[3]
	y := product(Reshape(x, -1, in), Reshape(w, in, channels))
	return Reshape(y, batch, g.out[0], g.out[1], channels)
}

// unfold lays out the windows of x [batch, height, width, channels] as rows:
// [batch * out height * out width, kernel height * kernel width * channels]. Its gradient is fold.
func unfold(x *Node, g geometry) *Node {
	batch, channels := x.Shape().Dimensions[0], x.Shape().Dimensions[3]
	phased := reshape(padZeros(x, g.alignment()), g.phased(batch, channels))
	var windows []*Node
	for i := range g.kernel[0] {
		for j := range g.kernel[1] {
			windows = append(windows, Reshape(padZeros(phased, g.window(i, j)), -1, channels))
		}
	}
	return withGradient(Concatenate(windows, 1), []*Node{x}, func(adjoint *Node) []*Node {
		return []*Node{fold(adjoint, g, batch, channels)}
	})
}

// fold adds up the rows of unfold where they came from: [batch, height, width, channels]. Its
// gradient is unfold.
func fold(rows *Node, g geometry, batch, channels int) *Node {
	size := g.kernel[0] * g.kernel[1]
	windows := Reshape(rows, -1, size, channels)
	var sum *Node
	for i := range g.kernel[0] {
		for j := range g.kernel[1] {
			window := reshape(pick(windows, i*g.kernel[1]+j, size), g.view(batch, channels))
			window = padZeros(window, negated(g.window(i, j)))
			if sum == nil {
				sum = window
			} else {
				sum = Add(sum, window)
			}
		}
	}
	aligned := Reshape(sum, batch, g.rows(0)*g.stride[0], g.rows(1)*g.stride[1], channels)
	x := padZeros(aligned, negated(g.alignment()))
	return withGradient(x, []*Node{rows}, func(adjoint *Node) []*Node {
		return []*Node{unfold(adjoint, g)}
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

// product is the matrix product of a [rows, inner] and b [inner, columns], for many rows. Its
// gradient for b transposes the adjoint only, never the tall matrix a, which the pure-Go backend
// would take longer over than over the product.
func product(a, b *Node) *Node {
	y := Dot(a, b).Product()
	return withGradient(y, []*Node{a, b}, func(adjoint *Node) []*Node {
		gradA := DotGeneral(adjoint, []int{1}, nil, b, []int{1}, nil)
		gradB := Transpose(Dot(Transpose(adjoint, 0, 1), a).Product(), 0, 1)
		return []*Node{gradA, gradB}
	})
}
