package job

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/kafisto/kafisto"
	"github.com/kafisto/kafisto/internal/train"
	"github.com/kafisto/kafisto/optim"
	"github.com/kafisto/kafisto/schedule"
)

// paperRates are the learning rates of the paper's CIFAR experiments (section
// 5.1); AdamW's is Adam's.
var paperRates = map[string]float64{"kafisto": 1, "sgd": 0.1, "adam": 3e-4, "adamw": 3e-4}

// initialRate is the learning rate, or epsilon, that the schedule starts with.
func (s Settings) initialRate() float64 { return or(s.LearningRate, paperRates[s.Optimizer]) }

// OptimizerNames lists the optimizers that settings may name.
func OptimizerNames() []string { return []string{"kafisto", "sgd", "adam", "adamw"} }

// NewOptimizer builds the optimizer of the settings for a run of so many steps; for a
// GAN, both of its optimizers.
func NewOptimizer(s Settings, stepsPerEpoch, steps int64) (train.Optimizer, error) {
	return slowerOptimizer(s, 1, stepsPerEpoch, steps)
}

// slowerOptimizer is NewOptimizer with learning rates times a factor.
func slowerOptimizer(s Settings, factor float64, stepsPerEpoch, steps int64) (train.Optimizer, error) {
	if s.IsGAN() {
		return newRivals(s, factor, stepsPerEpoch, steps)
	}
	return newOptimizer(s, factor, "", stepsPerEpoch, steps)
}

// newOptimizer builds an optimizer of the variables of a network, which names its
// state too; "" is of all. Learning rates are multiplied by the factor.
func newOptimizer(s Settings, factor float64, network string, stepsPerEpoch, steps int64) (train.Optimizer, error) {
	initial := s.initialRate()
	if s.ScheduleOn == onLearningRate {
		initial *= factor
	}
	rates, err := newSchedule(s, initial, stepsPerEpoch, steps)
	if err != nil {
		return train.Optimizer{}, err
	}
	switch s.Optimizer {
	case "kafisto":
		return newKaFiStO(s, factor, network, rates)
	case "sgd":
		return newBaseline(s, network, rates, optim.SGD().Momentum(s.Momentum).Nesterov(s.Nesterov))
	case "adam":
		return newBaseline(s, network, rates, optim.Adam().Betas(s.Beta1, s.Beta2).Epsilon(s.Epsilon))
	case "adamw":
		return newBaseline(s, network, rates, optim.AdamW().Betas(s.Beta1, s.Beta2).Epsilon(s.Epsilon))
	default:
		return train.Optimizer{}, fmt.Errorf("settings: unknown optimizer %q: use one of %s", s.Optimizer, strings.Join(OptimizerNames(), ", "))
	}
}

func newBaseline(s Settings, network string, rates schedule.Schedule, b *optim.Builder) (train.Optimizer, error) {
	b.LearningRateSchedule(rates).WeightDecay(s.WeightDecay)
	if network != "" {
		b.Only(variablesOf(network)).Scope(s.Optimizer + "-" + network)
	}
	if s.ClipNorm != 0 {
		b.ClipGradientNorm(s.ClipNorm)
	}
	if !s.DecayBiases {
		b.ExcludeFromDecay(optim.BiasesAndNorms)
	}
	o, err := b.Done()
	if err != nil {
		return train.Optimizer{}, err
	}
	return train.Baseline(s.Optimizer, o), nil
}

func newKaFiStO(s Settings, factor float64, network string, rates schedule.Schedule) (train.Optimizer, error) {
	b := kafisto.New().Algorithm(kafisto.Algorithm(s.Algorithm)).Variant(kafisto.Variant(s.Variant))
	defaults, err := b.Done()
	if err != nil {
		return train.Optimizer{}, err
	}
	target, err := parseTarget(s.Target)
	if err != nil {
		return train.Optimizer{}, err
	}
	if s.ScheduleOn == onEpsilon {
		target, rates = kafisto.FractionTarget(rates), schedule.Constant(factor)
	}
	d := defaults.Settings()
	b.LearningRateSchedule(rates).WeightDecay(s.WeightDecay).DecoupledWeightDecay(s.DecoupledWeightDecay)
	b.VelocityDecay(or(s.VelocityDecay, d.VelocityDecay)).VelocityNoise(or(s.VelocityNoise, d.VelocityNoise))
	b.InitialCovariance(or(s.ParameterVariance, d.ParameterVariance), or(s.VelocityVariance, d.VelocityVariance), or(s.CrossCovariance, d.CrossCovariance))
	if s.ConstantMeasurementNoise != nil {
		b.ConstantMeasurementNoise(*s.ConstantMeasurementNoise)
	}
	if s.ConstantStateNoise != nil {
		b.ConstantStateNoise(*s.ConstantStateNoise)
	}
	if !s.DecayBiases {
		b.ExcludeFromDecay(kafisto.BiasesAndNorms)
	}
	if network != "" {
		b.Only(variablesOf(network)).Scope(s.Optimizer + "-" + network)
	}
	if s.WholeNetwork {
		b.WholeNetwork()
	}
	o, err := b.Target(target).Done()
	if err != nil {
		return train.Optimizer{}, err
	}
	return train.KaFiStO(s.Optimizer, o), nil
}

func or(value *float64, fallback float64) float64 {
	if value != nil {
		return *value
	}
	return fallback
}

// parseTarget reads a number, fraction:EPSILON or offset:U.
func parseTarget(text string) (kafisto.Target, error) {
	kind, number, found := strings.Cut(text, ":")
	if !found {
		kind, number = "", text
	}
	value, err := strconv.ParseFloat(number, 64)
	if err == nil && (math.IsNaN(value) || math.IsInf(value, 0)) {
		err = strconv.ErrRange
	}
	if err == nil {
		switch constant := schedule.Constant(value); {
		case kind == "" && value == 0:
			return kafisto.Target{}, nil
		case kind == "":
			return kafisto.ConstantTarget(constant), nil
		case kind == "fraction":
			return kafisto.FractionTarget(constant), nil
		case kind == "offset":
			return kafisto.OffsetTarget(constant), nil
		}
	}
	return kafisto.Target{}, fmt.Errorf("settings: target %q: use a number, fraction:EPSILON or offset:U", text)
}
