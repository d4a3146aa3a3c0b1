package nn

import (
	"github.com/gomlx/compute"
	. "github.com/gomlx/gomlx/core/graph"

	"github.com/kafisto/kafisto/native"
)

// lowering is a way to compute a convolution and its gradients.
type lowering int

const (
	direct    lowering = iota // the backend's own convolution
	pointwise                 // one matrix product of the pixels (1x1 kernels)
	patches                   // one matrix product of unfolded windows
)

// convolve is the convolution of x [batch, height, width, in] with w [kernel height, kernel width,
// in, out], by the lowering that suits the backend.
func convolve(x, w *Node, g geometry) *Node {
	if native.Available(x.Graph().Backend()) {
		d := w.Shape().Dimensions
		if c := nativeConv(x.Shape().Dimensions[0], d[2], d[3], g); c.Supported(x.DType()) {
			return nativeForward(c, x, w)
		}
	}
	switch chooseLowering(x.Graph().Backend(), g) {
	case pointwise:
		return convolveByProduct(x, w, g)
	case patches:
		return convolveByPatches(x, w, g)
	default:
		return convolveDirectly(x, w, g)
	}
}

// convolveDirectly is the backend's own convolution, with GoMLX's gradient; g must be centred.
func convolveDirectly(x, w *Node, g geometry) *Node {
	return Convolve(x, w).StridePerAxis(g.stride[:]...).PaddingPerDim(g.padding[:]).Done()
}

// chooseLowering is the one place where a lowering is picked.
//
//   - The pure-Go backend's own convolution is naive loops: everything becomes matrix products.
//   - GoMLX's input gradient of even kernels is wrong, and with padding beyond half of the kernel it
//     panics: patches, on every backend.
func chooseLowering(backend compute.Backend, g geometry) lowering {
	onGo := backend.String() == "go"
	switch {
	case g.isPointwise() && onGo:
		return pointwise
	case onGo || !g.isCentred():
		return patches
	default:
		return direct
	}
}

// isCentred says whether the kernel is odd and reaches no further into the padding than half of its
// size, which is what GoMLX's input gradient of a convolution is right for.
func (g geometry) isCentred() bool {
	for axis, k := range g.kernel {
		if k%2 == 0 || max(g.padding[axis][0], g.padding[axis][1]) > k/2 {
			return false
		}
	}
	return true
}
