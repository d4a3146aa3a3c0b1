package schedule

import (
	"errors"
	"fmt"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/gomlx/core/graph"
)

type warmUp struct {
	inner Schedule
	steps int64
}

// WarmUp multiplies another schedule by a factor that rises linearly over so
// many steps: in step k it is inner's value times (k+1)/steps while k < steps-1,
// and inner's value itself from step steps-1 on. The inner schedule is not
// shifted: it counts the steps of the warm-up too.
//
// At and Node are the same to the bit where the warm-up is over; before, an
// engine may round a division by a constant differently, in the last bit.
func WarmUp(inner Schedule, steps int64) (Schedule, error) {
	if inner == nil {
		return nil, errors.New("schedule: a warm-up of nil: use schedule.Constant for a number")
	}
	if steps < 1 {
		return nil, fmt.Errorf("schedule: a warm-up over %d steps: it needs at least 1", steps)
	}
	return warmUp{inner, steps}, nil
}

func (w warmUp) At(step int64) float64 {
	if step >= w.steps-1 {
		return w.inner.At(step)
	}
	return w.inner.At(step) * (float64(step+1) / float64(w.steps))
}

func (w warmUp) Node(step *graph.Node) *graph.Node {
	value := w.inner.Node(step)
	factor := graph.DivScalar(graph.ConvertDType(graph.AddScalar(step, 1), dtypes.Float64), float64(w.steps))
	over := graph.GreaterOrEqual(step, graph.Const(step.Graph(), w.steps-1))
	return graph.Where(over, value, graph.Mul(value, factor))
}
