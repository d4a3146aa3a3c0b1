package job

import "github.com/kafisto/kafisto"

// Canonical returns the settings, which Check has passed, with those left out that
// say what the optimizer does by itself, so that settings of the same results are
// the same.
func (s Settings) Canonical() Settings {
	leaveOut := func(value **float64, own float64) {
		if *value != nil && **value == own {
			*value = nil
		}
	}
	leaveOut(&s.LearningRate, paperRates[s.Optimizer])
	o, err := kafisto.New().Algorithm(kafisto.Algorithm(s.Algorithm)).Variant(kafisto.Variant(s.Variant)).Done()
	if err != nil {
		return s // Check has told
	}
	own := o.Settings()
	leaveOut(&s.VelocityDecay, own.VelocityDecay)
	leaveOut(&s.VelocityNoise, own.VelocityNoise)
	leaveOut(&s.ParameterVariance, own.ParameterVariance)
	leaveOut(&s.VelocityVariance, own.VelocityVariance)
	leaveOut(&s.CrossCovariance, own.CrossCovariance)
	return s
}
