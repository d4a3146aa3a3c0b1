package conformance_test

import (
	"testing"

	"github.com/gomlx/gomlx/ml/train"

	"github.com/kafisto/kafisto"
	"github.com/kafisto/kafisto/internal/conformance"
	"github.com/kafisto/kafisto/schedule"
)

func TestKaFiStO(t *testing.T) {
	conformance.Run(t, conformance.Factory{Rate: 1, New: func(scope string, rate schedule.Schedule) (conformance.Optimizer, error) {
		o, err := kafisto.New().LearningRateSchedule(rate).Scope(scope).Done()
		if err != nil {
			return conformance.Optimizer{}, err
		}
		return conformance.Optimizer{
			Interface: o,
			WrapModel: func(fn train.ModelFn) train.ModelFn { return kafisto.Model(o, fn) },
			WrapLoss:  func(losses conformance.PerExampleLoss) train.LossFn { return kafisto.Loss(o, losses) },
		}, nil
	}})
}
