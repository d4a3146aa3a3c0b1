package conformance

import (
	"math"
	"math/rand/v2"

	"github.com/kafisto/kafisto/internal/golden"
)

const (
	batch   = 16
	batches = 12
)

// problem returns a network of the given widths with random small parameters,
// and data for it: label(x) is the class of an input whose coordinates are
// around -1 or 1.
func problem(layers []int, label func(x []float64) int32) *golden.Trajectory {
	random := rand.New(rand.NewPCG(1, 2))
	tr := &golden.Trajectory{Name: "conformance", Layers: layers, Steps: batches, Batch: batch}
	for k := 0; k+1 < len(layers); k++ {
		w := make([]float64, layers[k]*layers[k+1])
		for i := range w {
			w[i] = random.NormFloat64() / math.Sqrt(float64(layers[k]))
		}
		tr.Init = append(tr.Init, w, make([]float64, layers[k+1]))
	}
	for range batches * batch {
		x := make([]float64, layers[0])
		for i := range x {
			x[i] = float64(2*random.IntN(2)-1) + 0.2*random.NormFloat64()
		}
		tr.X, tr.Labels = append(tr.X, x...), append(tr.Labels, label(x))
	}
	return tr
}

// convex is softmax regression on classes that a plane separates.
func convex() *golden.Trajectory {
	return problem([]int{3, 2}, func(x []float64) int32 {
		if x[0]+x[1]+x[2] > 0 {
			return 1
		}
		return 0
	})
}

// network is exclusive or: without its hidden units it cannot be learned.
func network() *golden.Trajectory {
	return problem([]int{2, 8, 2}, func(x []float64) int32 {
		if x[0]*x[1] > 0 {
			return 1
		}
		return 0
	})
}

// meanLoss is the loss over all data, by the plain-Go network.
func meanLoss(tr *golden.Trajectory, parameters [][]float64) float64 {
	sum := 0.0
	for step := range tr.Steps {
		loss, _, _ := tr.Network().LossAndGradients(parameters, step)
		sum += loss
	}
	return sum / float64(tr.Steps)
}
