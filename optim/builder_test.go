package optim_test

import (
	"encoding/json"
	"math"
	"strings"
	"testing"

	"github.com/gomlx/gomlx/ml/model"
	"pgregory.net/rapid"

	"github.com/kafisto/kafisto/optim"
	"github.com/kafisto/kafisto/schedule"
)

// TestDefaultsArePyTorchs cites the signatures of torch.optim.SGD, Adam and
// AdamW (PyTorch 2.x documentation).
func TestDefaultsArePyTorchs(t *testing.T) {
	for _, c := range []struct {
		builder *optim.Builder
		want    optim.Settings
	}{
		{optim.SGD(), optim.Settings{Algorithm: "SGD", Scope: "sgd", LearningRate: 1e-3}},
		{optim.Adam(), optim.Settings{Algorithm: "Adam", Scope: "adam", LearningRate: 1e-3, Beta1: 0.9, Beta2: 0.999, Epsilon: 1e-8}},
		{optim.AdamW(), optim.Settings{Algorithm: "AdamW", Scope: "adamw", LearningRate: 1e-3, Beta1: 0.9, Beta2: 0.999, Epsilon: 1e-8,
			WeightDecay: 1e-2, DecoupledDecay: true}},
	} {
		if got := c.builder.MustDone().Settings(); got != c.want {
			t.Errorf("settings are %+v, want %+v", got, c.want)
		}
	}
}

func TestSettingsAreWhatWasSet(t *testing.T) {
	rates, err := schedule.StepDecay(0.1, 0.1, 2, 4)
	if err != nil {
		t.Fatal(err)
	}
	got := optim.SGD().LearningRateSchedule(rates).Momentum(0.9).Nesterov(true).WeightDecay(5e-4).
		ExcludeFromDecay(optim.BiasesAndNorms).ClipGradientNorm(2).Scope("mine").MustDone().Settings()
	want := optim.Settings{Algorithm: "SGD", Scope: "mine", LearningRate: 0.1, Scheduled: true, Momentum: 0.9, Nesterov: true,
		WeightDecay: 5e-4, PartialDecay: true, ClipNorm: 2}
	if got != want {
		t.Errorf("settings are %+v, want %+v", got, want)
	}
	text, err := json.Marshal(got)
	if err != nil {
		t.Fatal(err)
	}
	var back optim.Settings
	if err := json.Unmarshal(text, &back); err != nil || back != want {
		t.Errorf("through JSON they are %+v (%v), want %+v", back, err, want)
	}
	if got := optim.AdamW().Betas(0.8, 0.9).Epsilon(1e-6).WeightDecay(0).LearningRate(0.2).MustDone().Settings(); got.Beta1 != 0.8 ||
		got.Beta2 != 0.9 || got.Epsilon != 1e-6 || got.WeightDecay != 0 || got.LearningRate != 0.2 || got.Scheduled {
		t.Errorf("settings are %+v", got)
	}
}

func TestDoneCopies(t *testing.T) {
	builder := optim.Adam().LearningRate(0.1)
	first := builder.MustDone()
	second := builder.LearningRate(0.2).Betas(0.5, 0.6).MustDone()
	if s := first.Settings(); s.LearningRate != 0.1 || s.Beta1 != 0.9 {
		t.Errorf("a later change reached the optimizer: %+v", s)
	}
	if s := second.Settings(); s.LearningRate != 0.2 || s.Beta1 != 0.5 {
		t.Errorf("the change did not reach the second optimizer: %+v", s)
	}
}

func TestDoneRefuses(t *testing.T) {
	nan, inf := math.NaN(), math.Inf(1)
	for _, c := range []struct {
		builder *optim.Builder
		want    string
	}{
		{optim.SGD().LearningRate(-1), "learning rate is -1"},
		{optim.SGD().LearningRate(nan), "learning rate is NaN"},
		{optim.Adam().LearningRate(inf), "learning rate is +Inf"},
		{optim.Adam().LearningRateSchedule(nil), "schedule is nil"},
		{optim.SGD().Momentum(-0.1), "momentum is -0.1"},
		{optim.SGD().Nesterov(true), "nesterov needs a momentum"},
		{optim.SGD().WeightDecay(-1), "weight decay is -1"},
		{optim.Adam().Betas(1, 0.9), "beta1 is 1"},
		{optim.Adam().Betas(0.9, -1), "beta2 is -1"},
		{optim.AdamW().Epsilon(nan), "epsilon is NaN"},
		{optim.SGD().ClipGradientNorm(0), "leave it out"},
		{optim.SGD().ClipGradientNorm(-1), "largest gradient norm is -1"},
		{optim.SGD().Scope(""), `scope "" is not a name`},
		{optim.SGD().Scope("a/b"), `scope "a/b" is not a name`},
		{optim.SGD().Scope(".."), "is not a name"},
		{optim.SGD().Betas(0.9, 0.9), "it has no betas"},
		{optim.Adam().Momentum(0.9).Nesterov(true), "it has no momentum, no nesterov"},
	} {
		_, err := c.builder.Done()
		if err == nil || !strings.Contains(err.Error(), c.want) || !strings.HasPrefix(err.Error(), "optim: ") {
			t.Errorf("error is %v, want one with %q", err, c.want)
		}
	}
}

// TestDoneNeverPanics: any numbers give an optimizer or an error.
func TestDoneNeverPanics(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		number := rapid.Float64()
		for _, b := range []*optim.Builder{optim.SGD().Momentum(number.Draw(t, "momentum")).Nesterov(rapid.Bool().Draw(t, "nesterov")),
			optim.AdamW().Betas(number.Draw(t, "beta1"), number.Draw(t, "beta2")).Epsilon(number.Draw(t, "epsilon"))} {
			o, err := b.LearningRate(number.Draw(t, "rate")).WeightDecay(number.Draw(t, "decay")).Scope(rapid.String().Draw(t, "scope")).Done()
			if (o == nil) == (err == nil) {
				t.Fatalf("optimizer %v with error %v", o, err)
			}
		}
	})
}

func TestMustDonePanics(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("MustDone took a negative learning rate")
		}
	}()
	optim.SGD().LearningRate(-1).MustDone()
}

func TestBiasesAndNorms(t *testing.T) {
	store := model.NewStore()
	for name, c := range map[string]struct {
		value any
		want  bool
	}{"scalar": {float32(1), true}, "bias": {[]float32{1, 2}, true}, "weights": {[][]float32{{1, 2}}, false}} {
		if got := optim.BiasesAndNorms(store.VariableWithValue(name, c.value)); got != c.want {
			t.Errorf("BiasesAndNorms(%s) = %t, want %t", name, got, c.want)
		}
	}
}
