package train

import (
	"fmt"
	"math"

	"github.com/kafisto/kafisto/internal/runlog"
)

// finite tells which quantity of a step is not finite, "" if all are.
func finite(s runlog.Step) string {
	if c := s.Critic; c != nil {
		what := firstNotFinite("critic's loss", c.Loss, c.GradientNorm, c.LearningRate, c.Filter)
		if what == "" {
			what = firstOf([]quantity{{"Wasserstein estimate", c.Wasserstein}, {"norm of the scores' gradients", c.Slope}})
		}
		if what != "" {
			return what
		}
	}
	return firstNotFinite("loss", s.Loss, s.GradientNorm, s.LearningRate, s.Filter)
}

// quantity is a number with its name.
type quantity struct {
	name  string
	value float64
}

// firstNotFinite is finite for one network, whose loss has that name.
func firstNotFinite(lossName string, loss, gradientNorm float64, rates [3]float64, f *runlog.Filter) string {
	quantities := []quantity{{lossName, loss}, {"gradient norm", gradientNorm}, {"effective learning rate", rates[0] + rates[1] + rates[2]}}
	if f != nil {
		quantities = append(quantities, quantity{"measurement noise R", f.R}, quantity{"state noise qx", f.Qx}, quantity{"innovation", f.Innovation})
		for _, p := range f.P {
			quantities = append(quantities, quantity{"posterior covariance P", p})
		}
	}
	return firstOf(quantities)
}

func firstOf(quantities []quantity) string {
	for _, q := range quantities {
		if math.IsNaN(q.value) || math.IsInf(q.value, 0) {
			return fmt.Sprintf("the %s is %g", q.name, q.value)
		}
	}
	return ""
}
