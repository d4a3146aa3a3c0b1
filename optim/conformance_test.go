package optim_test

import (
	"testing"

	"github.com/kafisto/kafisto/internal/conformance"
	"github.com/kafisto/kafisto/optim"
	"github.com/kafisto/kafisto/schedule"
)

func TestConformance(t *testing.T) {
	for name, c := range map[string]struct {
		rate    float64
		builder func() *optim.Builder
	}{
		"SGD":   {0.1, func() *optim.Builder { return optim.SGD().Momentum(0.9).Nesterov(true).WeightDecay(1e-4) }},
		"Adam":  {0.03, optim.Adam},
		"AdamW": {0.03, func() *optim.Builder { return optim.AdamW().ClipGradientNorm(1).ExcludeFromDecay(optim.BiasesAndNorms) }},
	} {
		t.Run(name, func(t *testing.T) {
			conformance.Run(t, conformance.Factory{Rate: c.rate, New: func(scope string, rate schedule.Schedule) (conformance.Optimizer, error) {
				o, err := c.builder().LearningRateSchedule(rate).Scope(scope).Done()
				if err != nil {
					return conformance.Optimizer{}, err
				}
				return conformance.Plain(o), nil
			}})
		})
	}
}
