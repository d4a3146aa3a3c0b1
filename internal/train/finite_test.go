package train

import (
	"math"
	"testing"

	"github.com/kafisto/kafisto/internal/runlog"
)

// TestFinite: every number that the log refuses is divergence.
func TestFinite(t *testing.T) {
	filter := func() *runlog.Filter { return &runlog.Filter{P: []float64{1}} }
	step := runlog.Step{Filter: filter(), Critic: &runlog.Critic{Filter: filter()}}
	if what := finite(step); what != "" {
		t.Fatal(what)
	}
	for name, x := range map[string]*float64{
		"loss": &step.Loss, "rate": &step.LearningRate[1], "gradient": &step.GradientNorm,
		"critic's loss": &step.Critic.Loss, "Wasserstein": &step.Critic.Wasserstein, "slope": &step.Critic.Slope,
		"R": &step.Filter.R, "qx": &step.Filter.Qx, "innovation": &step.Filter.Innovation, "P": &step.Filter.P[0],
		"critic's innovation": &step.Critic.Filter.Innovation,
	} {
		for _, *x = range []float64{math.NaN(), math.Inf(1), math.Inf(-1)} {
			if finite(step) == "" {
				t.Errorf("%s may be %g", name, *x)
			}
		}
		*x = 0
	}
}
