package conformance_test

import (
	"testing"

	"github.com/gomlx/gomlx/ml/train"

	"github.com/kafisto/kafisto"
	"github.com/kafisto/kafisto/internal/conformance"
	"github.com/kafisto/kafisto/internal/engine"
	"github.com/kafisto/kafisto/internal/engine/enginetest"
	"github.com/kafisto/kafisto/schedule"
)

// factory makes KaFiStO optimizers of an algorithm in a variant.
func factory(algorithm kafisto.Algorithm, variant kafisto.Variant) conformance.Factory {
	return conformance.Factory{Rate: 1, New: func(scope string, rate schedule.Schedule) (conformance.Optimizer, error) {
		o, err := kafisto.New().Algorithm(algorithm).Variant(variant).LearningRateSchedule(rate).Scope(scope).Done()
		if err != nil {
			return conformance.Optimizer{}, err
		}
		return conformance.Optimizer{
			Interface: o,
			WrapModel: func(fn train.ModelFn) train.ModelFn { return kafisto.Model(o, fn) },
			WrapLoss:  func(losses conformance.PerExampleLoss) train.LossFn { return kafisto.Loss(o, losses) },
		}, nil
	}}
}

func TestKaFiStO(t *testing.T) { conformance.Run(t, factory(kafisto.Dynamics, kafisto.Published)) }

func TestKaFiStOVariants(t *testing.T) {
	backend := enginetest.Backend(t, engine.Go)
	t.Run("dynamics, paper", func(t *testing.T) { conformance.RunOn(t, backend, factory(kafisto.Dynamics, kafisto.Paper)) })
	t.Run("vanilla, published", func(t *testing.T) { conformance.RunOn(t, backend, factory(kafisto.Vanilla, kafisto.Published)) })
	t.Run("vanilla, paper", func(t *testing.T) { conformance.RunOn(t, backend, factory(kafisto.Vanilla, kafisto.Paper)) })
}
