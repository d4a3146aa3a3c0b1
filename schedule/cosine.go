package schedule

import (
	"fmt"
	"math"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/gomlx/core/graph"
)

type cosine struct {
	initial, final float64
	steps          int64
}

// Cosine goes from initial, in step 0, to final, in step number steps, along
// half a cosine, and stays there: in step k < steps it is
// final + (initial-final) (1 + cos(pi k/steps))/2 (Loshchilov & Hutter, "SGDR",
// ICLR 2017, eq. 5 without restarts), which PyTorch's CosineAnnealingLR has with
// T_max = steps. The last of so many training steps, number steps-1, still has a
// little of initial.
//
// At and Node are exact in step 0 and from step number steps on; between them,
// sines of different engines may differ in the last bits.
func Cosine(initial, final float64, steps int64) (Schedule, error) {
	for _, v := range []float64{initial, final} {
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return nil, fmt.Errorf("schedule: a cosine from %g to %g: both must be finite", initial, final)
		}
	}
	if steps < 1 {
		return nil, fmt.Errorf("schedule: a cosine over %d steps: it needs at least 1", steps)
	}
	return cosine{initial, final, steps}, nil
}

// At computes (1 + cos(pi k/steps))/2 as the square of sin(pi (steps-k)/(2 steps)),
// which has all its digits near the end too, and is exactly 1 and 0 at the ends.
func (c cosine) At(step int64) float64 {
	left := float64(max(c.steps-step, 0)) / float64(c.steps)
	root := math.Sin(math.Pi / 2 * left)
	weight := root * root
	return c.initial*weight + c.final*(1-weight)
}

func (c cosine) Node(step *graph.Node) *graph.Node {
	g := step.Graph()
	remaining := graph.ConvertDType(graph.Sub(graph.Const(g, c.steps), step), dtypes.Float64)
	left := graph.DivScalar(graph.MaxScalar(remaining, 0), float64(c.steps))
	weight := graph.Square(graph.Sin(graph.MulScalar(left, math.Pi/2)))
	between := graph.Add(graph.MulScalar(weight, c.initial), graph.MulScalar(graph.OneMinus(weight), c.final))
	// The ends do not depend on how exact an engine's sine is.
	ended := graph.LessOrEqual(remaining, graph.ZerosLike(remaining))
	started := graph.GreaterThan(step, graph.ZerosLike(step))
	return graph.Where(ended, graph.Const(g, c.final), graph.Where(started, between, graph.Const(g, c.initial)))
}
