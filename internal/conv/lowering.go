package conv

import (
	"strings"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	. "github.com/gomlx/gomlx/core/graph"

	"github.com/kafisto/kafisto/native"
)

// lowering is a way to compute the passes of a convolution with graph operations. Its functions take
// what Forward, InputGradient and WeightGradient take and need not be differentiable.
type lowering struct {
	name           string
	can            func(place Place, pass Pass, p Problem) bool // whether it is right for such a problem
	forward        func(x, w *Node, g Geometry) *Node
	inputGradient  func(dy, w *Node, g Geometry) *Node
	weightGradient func(x, dy *Node, g Geometry) *Node
}

// lowerings are all that there are. A new one needs an entry here, and is used where the table of
// measured times says so.
var lowerings []*lowering

// init fills lowerings: phases is made of others, which a plain initialisation takes for a cycle.
func init() {
	lowerings = []*lowering{nativeWinograd, nativeDirect, direct, pointwise, patches, phases, winograd}
}

// named is the lowering of that name, nil if there is none.
func named(name string) *lowering {
	for _, l := range lowerings {
		if l.name == name {
			return l
		}
	}
	return nil
}

// Pass is one of the three passes of a convolution.
type Pass string

// The passes.
const (
	ForwardPass        Pass = "forward"
	InputGradientPass  Pass = "input gradient"
	WeightGradientPass Pass = "weight gradient"
)

// Passes are all passes.
var Passes = []Pass{ForwardPass, InputGradientPass, WeightGradientPass}

// Problem is what a pass has to compute.
type Problem struct {
	Geometry
	Batch, Inputs, Outputs int // images, channels in, channels out
	DType                  dtypes.DType
}

// newProblem takes batch and number type from the shape of an image tensor.
func newProblem(g Geometry, images shapes.Shape, inputs, outputs int) Problem {
	return Problem{Geometry: g, Batch: images.Dimensions[0], Inputs: inputs, Outputs: outputs, DType: images.DType}
}

// Multiplications is how many multiplications a pass takes by its definition.
func (p Problem) Multiplications() float64 {
	return float64(p.Batch*p.Out[0]*p.Out[1]*p.Inputs*p.Outputs) * float64(p.Kernel[0]*p.Kernel[1])
}

// Place is the kind of engine that runs the graph: "go", "xla:cpu", the same with the kernels of
// package native, or "xla:cuda".
type Place string

// The places.
const (
	OnGo     Place = "go"
	OnCPU    Place = "xla:cpu"
	OnNative Place = "xla:cpu native"
	OnCUDA   Place = "xla:cuda"
)

// placeOf is where the graph of x runs.
func placeOf(x *Node) Place { return PlaceOf(x.Graph().Backend()) }

// PlaceOf is the place that a backend stands for.
func PlaceOf(backend compute.Backend) Place {
	if backend.String() == "go" {
		return OnGo
	}
	if native.Available(backend) {
		return OnNative
	}
	device := strings.ToLower(backend.DeviceDescription(0))
	if strings.Contains(device, "cuda") || strings.Contains(device, "gpu") {
		return OnCUDA
	}
	return OnCPU
}
