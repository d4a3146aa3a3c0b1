package conv

import (
	"fmt"

	"github.com/gomlx/compute"
	. "github.com/gomlx/gomlx/core/graph"
)

// Geometry is how a two-dimensional convolution walks over its input: index 0 is the vertical
// axis, 1 the horizontal.
type Geometry struct {
	Kernel  [2]int    // kernel's size
	Stride  [2]int    // steps between two windows
	Padding [2][2]int // zeros added before and after
	In, Out [2]int    // sizes of the input and of the output
}

// NewGeometry works out the output's size. An error tells which figure makes no convolution.
func NewGeometry(in, kernel, stride [2]int, padding [2][2]int) (Geometry, error) {
	g := Geometry{Kernel: kernel, Stride: stride, Padding: padding, In: in}
	for axis, name := range [2]string{"height", "width"} {
		k, s, p := kernel[axis], stride[axis], padding[axis]
		if k < 1 {
			return g, fmt.Errorf("kernel's %s is %d, it must be at least 1", name, k)
		}
		if s < 1 {
			return g, fmt.Errorf("stride over the %s is %d, it must be at least 1", name, s)
		}
		if p[0] < 0 || p[1] < 0 {
			return g, fmt.Errorf("padding of the %s is %v, it cannot be negative", name, p)
		}
		room := in[axis] + p[0] + p[1] - k
		if room < 0 {
			return g, fmt.Errorf("a kernel of %s %d does not fit in an input of %d with padding %v", name, k, in[axis], p)
		}
		g.Out[axis] = room/s + 1
	}
	return g, nil
}

// isPointwise says whether the kernel is 1x1 and no zeros are added.
func (g Geometry) isPointwise() bool {
	return g.Kernel == [2]int{1, 1} && g.Padding == [2][2]int{}
}

// rows is the number of positions along an axis, after splitting it into stride phases, that the
// windows touch. With stride 1 that is the input itself.
func (g Geometry) rows(axis int) int {
	if g.Stride[axis] == 1 {
		return g.In[axis]
	}
	return g.Out[axis] + (g.Kernel[axis]-1)/g.Stride[axis]
}

// alignment is the padding (or, where negative, the cutting) of [batch, height, width, channels]
// that makes each strided axis start at the first window and end at a whole number of strides.
func (g Geometry) alignment() []compute.PadAxis {
	pads := make([]compute.PadAxis, 4)
	for axis, stride := range g.Stride {
		if stride > 1 {
			start := g.Padding[axis][0]
			pads[axis+1] = compute.PadAxis{Start: start, End: g.rows(axis)*stride - start - g.In[axis]}
		}
	}
	return pads
}

// phased is the shape in which each strided axis of the aligned input is split into (row, phase).
func (g Geometry) phased(batch, channels int) []int {
	dims := []int{batch}
	for axis, stride := range g.Stride {
		dims = append(dims, g.rows(axis))
		if stride > 1 {
			dims = append(dims, stride)
		}
	}
	return append(dims, channels)
}

// view is the shape of what one kernel element sees of the phased input: one phase of as many rows
// as the output has.
func (g Geometry) view(batch, channels int) []int {
	dims := []int{batch}
	for axis, stride := range g.Stride {
		dims = append(dims, g.Out[axis])
		if stride > 1 {
			dims = append(dims, 1)
		}
	}
	return append(dims, channels)
}

// window is the padding of the phased input that leaves kernel element (i, j)'s view of it. The
// same padding negated puts such a view back in its place.
func (g Geometry) window(i, j int) []compute.PadAxis {
	pads := []compute.PadAxis{{}}
	for axis, at := range [2]int{i, j} {
		stride := g.Stride[axis]
		row, phase := at/stride, at%stride
		start := -row
		if stride == 1 {
			start += g.Padding[axis][0] // strided axes have been aligned
		}
		pads = append(pads, compute.PadAxis{Start: start, End: g.Out[axis] - g.rows(axis) - start})
		if stride > 1 {
			pads = append(pads, compute.PadAxis{Start: -phase, End: phase + 1 - stride})
		}
	}
	return append(pads, compute.PadAxis{})
}

// negated is the padding that undoes pads: what was cut off comes back as zeros.
func negated(pads []compute.PadAxis) []compute.PadAxis {
	undone := make([]compute.PadAxis, len(pads))
	for i, pad := range pads {
		undone[i] = compute.PadAxis{Start: -pad.Start, End: -pad.End}
	}
	return undone
}

// padZeros pads x with zeros; negative amounts cut off.
func padZeros(x *Node, pads []compute.PadAxis) *Node {
	for _, pad := range pads {
		if pad != (compute.PadAxis{}) {
			return Pad(x, ScalarZero(x.Graph(), x.DType()), pads...)
		}
	}
	return x
}
