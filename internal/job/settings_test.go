package job

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"maps"
	"math"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/kafisto/kafisto/internal/alloctest"
)

func TestDefaultsAreValid(t *testing.T) {
	for _, optimizer := range OptimizerNames() {
		s := Defaults()
		s.Optimizer = optimizer
		if err := s.Check(); err != nil {
			t.Errorf("%s: %v", optimizer, err)
		}
	}
}

func TestSettingsFileSaysWhatIsWrong(t *testing.T) {
	for text, says := range map[string]string{
		``:                         "too early",
		`{"epochs": 1`:             "too early",
		`[]`:                       "one JSON object",
		`null`:                     "one JSON object",
		`"epochs"`:                 "one JSON object",
		`{} {}`:                    "more after",
		`{"epoch": 1}`:             `unknown setting "epoch"`,
		`{"Epochs": 1}`:            `unknown setting "Epochs"`,
		`{"epochs": "1"}`:          "epochs is a string: it must be a whole number",
		`{"epochs": 1.5}`:          "a whole number",
		`{"augment": 1}`:           "true or false",
		`{"momentum": true}`:       "a number",
		`{"model": 3}`:             "text in quotes",
		`{"learning-rate": "big"}`: "a number",
		`{"momentum": 1e999}`:      "momentum",
		`{epochs: 1}`:              "not JSON",
		`{"a": "` + strings.Repeat("a", maxSettings) + `"}`: "larger",
	} {
		_, err := ReadSettings(strings.NewReader(text))
		if err == nil || !strings.Contains(err.Error(), says) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%.40q: %v, want one sentence about %q", text, err, says)
		}
	}
}

func TestCheckNamesTheSetting(t *testing.T) {
	for name, change := range map[string]func(*Settings){
		"epochs":         func(s *Settings) { s.Epochs = 0 },
		"steps":          func(s *Settings) { s.Steps = maxCount + 1 },
		"width":          func(s *Settings) { s.Width = -1 },
		"initializer":    func(s *Settings) { s.Initializer = "he" },
		"batch-size":     func(s *Settings) { s.BatchSize = 0 },
		"retries":        func(s *Settings) { s.Retries = -1 },
		"retry-factor":   func(s *Settings) { s.RetryFactor = 1 },
		"seed":           func(s *Settings) { s.Seed = -1 },
		"momentum":       func(s *Settings) { s.Momentum = math.NaN() },
		"learning-rate":  func(s *Settings) { s.LearningRate = new(math.Inf(1)) },
		"schedule-every": func(s *Settings) { s.ScheduleEvery = math.Inf(-1) },
		"schedule":       func(s *Settings) { s.Schedule = "" },
		"target":         func(s *Settings) { s.Target = "offset:NaN" },
	} {
		s := Defaults()
		change(&s)
		if err := s.Check(); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestSetChangesWhatItNamesAlone(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		shared := Defaults()
		shared.LearningRate, shared.Seed = new(rapid.Float64Range(0, 1).Draw(t, "rate")), rapid.Int64Min(0).Draw(t, "seed")
		rate, before := *shared.LearningRate, shared.Map()
		momentum := rapid.Float64Range(0, 1).Draw(t, "momentum")
		text, _ := json.Marshal(momentum)
		changed, err := shared.Set(map[string]string{"momentum": string(text), "learning-rate": "7", "nesterov": "true", "variant": "paper"})
		if err != nil {
			t.Fatal(err)
		}
		if changed.Momentum != momentum || *changed.LearningRate != 7 || !changed.Nesterov || changed.Variant != "paper" || changed.Seed != shared.Seed {
			t.Fatalf("got %+v", changed)
		}
		if *shared.LearningRate != rate || !maps.Equal(before, shared.Map()) {
			t.Fatal("the shared settings changed")
		}
		names := Difference(shared, changed)
		for _, name := range names {
			if !slices.Contains([]string{"momentum", "learning-rate", "nesterov", "variant"}, name) {
				t.Fatalf("%s changed too", name)
			}
		}
	})
}

func TestSetRefuses(t *testing.T) {
	for _, c := range [][3]string{
		{"momentum", "big", "a number"}, {"epochs", "many", "a whole number"}, {"learning-rate", "big", "a number"}, {"nesterov", "yes", "true or false"}, {"momentum", "null", "momentum"}, {"momentum", "", "momentum"},
		{"momentum", `"0.9"`, "a number"}, {"momentum", "[1]", "a number"}, {"epochs", "1.5", "a whole number"},
		{"nesterov", "1", "true or false"}, {"momentun", "1", "unknown setting"}, {"Momentum", "1", "lower case"},
	} {
		if _, err := Defaults().Set(map[string]string{c[0]: c[1]}); err == nil || !strings.Contains(err.Error(), c[2]) {
			t.Errorf("%s=%s: %v, want a sentence about %q", c[0], c[1], err, c[2])
		}
	}
}

func TestHashIsOfWhatDecidesTheResult(t *testing.T) {
	a := Defaults()
	b := a
	b.Epochs, b.Steps, b.Engine, b.DataDir = 9, 9, "go", "elsewhere"
	if a.Hash() != b.Hash() {
		t.Error("length, engine or data folder are in the hash")
	}
	b.Seed = 1 << 53
	c := b
	c.Seed++ // the same as a float64
	if a.Hash() == b.Hash() || b.Hash() == c.Hash() || len(Difference(b, c)) != 1 {
		t.Error("the seed is not in the hash")
	}
}

// TestHashesStay holds hashes that checkpoints have: a new setting must not
// change those of runs without it, nor may a default change.
func TestHashesStay(t *testing.T) {
	a, b := Defaults(), Defaults()
	b.Optimizer, b.Momentum, b.LearningRate = "sgd", 0.5, new(0.25)
	for text, s := range map[string]Settings{`{}`: a, `{"learning-rate":0.25,"momentum":0.5,"optimizer":"sgd"}`: b} {
		if sum := sha256.Sum256([]byte(text)); s.Hash() != hex.EncodeToString(sum[:]) {
			t.Errorf("the hash is not that of %s", text)
		}
	}
}

func TestLengthIsThatOfTheLoadedData(t *testing.T) {
	for _, change := range []func(*Settings){
		func(*Settings) {},
		func(s *Settings) { s.TrainExamples, s.BatchSize = 1000, 96 },
		func(s *Settings) { s.Steps = 7 },
		func(s *Settings) { s.Dataset, s.Model, s.Width, s.BatchSize = "shakespeare", "tiny-lstm", 4, 20 },
	} {
		s := Defaults()
		change(&s)
		problem, err := findProblem(t.Context(), s, Options{}, reading{})
		if err != nil {
			t.Fatal(err)
		}
		want := s.Epochs * problem.StepsPerEpoch
		if s.Steps > 0 {
			want = s.Steps
		}
		if got, err := s.Length(); err != nil || got != want {
			t.Errorf("%d steps, want %d (%v)", got, want, err)
		}
	}
}

// FuzzReadSettings checks that whatever is read can be written and read again,
// with the same result, and fits the settings.
func FuzzReadSettings(f *testing.F) {
	text, err := json.Marshal(Defaults())
	if err != nil {
		f.Fatal(err)
	}
	for _, seed := range []string{string(text), `{}`, `{"epochs": 1, "learning-rate": null}`, `{"momentum": 1e999}`, `{"a": [`, `{} {}`, "\xff", `{"EPOCHS": 1}`} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		var values map[string]any
		var err error
		alloctest.Within(t, 1<<20+256*len(text), func() { values, err = ReadSettings(strings.NewReader(text)) })
		if err != nil {
			if strings.Contains(err.Error(), "\n") || err.Error() == "" {
				t.Fatalf("not one sentence: %q", err)
			}
			return
		}
		s, err := Defaults().with(values)
		if err != nil {
			t.Fatalf("what was read does not fit: %v", err)
		}
		_ = s.Check()
		again, err := json.Marshal(s)
		if err != nil {
			t.Fatal(err)
		}
		values, err = ReadSettings(strings.NewReader(string(again)))
		if err != nil {
			t.Fatalf("settings are no settings file: %v", err)
		}
		if same, err := Defaults().with(values); err != nil || same.Hash() != s.Hash() {
			t.Fatalf("read %s, then %+v (%v)", again, same, err)
		}
	})
}

// TestCanonical: what the optimizer does by itself is left out, in every variant,
// and nothing else.
func TestCanonical(t *testing.T) {
	set := func(values map[string]string) Settings {
		s, err := Defaults().Set(values)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	same := func(a, b map[string]string) {
		t.Helper()
		if x, y := set(a).Canonical(), set(b); x.Hash() != y.Hash() {
			t.Errorf("%v is %v, want %v", a, x.Map(), y.Map())
		}
	}
	same(map[string]string{"learning-rate": "1", "velocity-decay": "0.9", "parameter-variance": "0.1", "velocity-variance": "0.1", "cross-covariance": "0", "velocity-noise": "0.01"}, nil)
	same(map[string]string{"algorithm": "vanilla", "parameter-variance": "1"}, map[string]string{"algorithm": "vanilla"})
	same(map[string]string{"optimizer": "sgd", "learning-rate": "0.1"}, map[string]string{"optimizer": "sgd"})
	other := map[string]string{"learning-rate": "0.1", "velocity-decay": "0.5", "parameter-variance": "1", "constant-state-noise": "0.01"}
	same(other, other)
	given := set(map[string]string{"velocity-decay": "0.9"})
	if given.Canonical(); given.VelocityDecay == nil {
		t.Error("the settings themselves were changed")
	}
}
