package job

import (
	"encoding/json"
	"maps"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/kafisto/kafisto/schedule"
)

// settingsWith returns the default settings with some changed.
func settingsWith(t *testing.T, values map[string]string) Settings {
	t.Helper()
	s, err := Defaults().Set(values)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// TestSchedules has for each setting the value in steps around its boundaries,
// in a run of 5 epochs of 10 steps that starts at 1.
func TestSchedules(t *testing.T) {
	for _, c := range []struct {
		values map[string]string
		want   map[int64]float64
	}{
		{map[string]string{}, map[int64]float64{0: 1, 49: 1}},
		{map[string]string{"schedule": "step", "schedule-every": "1.25", "schedule-factor": "0.5"}, map[int64]float64{0: 1, 12: 1, 13: 0.5, 25: 0.5, 26: 0.25, 49: 0.125}},
		{map[string]string{"schedule": "step", "schedule-every": "0.01", "schedule-factor": "0.5"}, map[int64]float64{0: 1, 1: 0.5, 2: 0.25}},
		{map[string]string{"schedule": "paper-100"}, map[int64]float64{0: 1, 299: 1, 300: 0.1, 599: 0.1, 600: 0.01, 899: 0.01, 900: 0.001}},
		{map[string]string{"schedule": "paper-100", "schedule-epochs": "5"}, map[int64]float64{0: 1, 14: 1, 15: 0.1, 29: 0.1, 30: 0.01, 44: 0.01, 45: 0.001, 49: 0.001}},
		{map[string]string{"schedule": "paper-200-cifar10"}, map[int64]float64{0: 1, 1499: 1, 1500: 0.1}},
		{map[string]string{"schedule": "paper-200-cifar100"}, map[int64]float64{0: 1, 599: 1, 600: 0.2, 1200: 0.04, 1599: 0.04, 1600: 0.008}},
		{map[string]string{"schedule": "cosine"}, map[int64]float64{0: 1, 25: 0.5, 50: 0, 60: 0}},
		{map[string]string{"schedule": "cosine", "schedule-epochs": "2"}, map[int64]float64{0: 1, 10: 0.5, 20: 0, 49: 0}},
		{map[string]string{"warm-up": "0.5"}, map[int64]float64{0: 0.2, 1: 0.4, 3: 0.8, 4: 1, 49: 1}},
		{map[string]string{"warm-up": "0.01"}, map[int64]float64{0: 1, 1: 1}},
		{map[string]string{"schedule": "cosine", "warm-up": "5"}, map[int64]float64{0: 0.02, 25: 0.26, 50: 0}},
	} {
		made, err := newSchedule(settingsWith(t, c.values), 1, 10, 50)
		if err != nil {
			t.Fatal(err)
		}
		for step, want := range c.want {
			if got := made.At(step); !(math.Abs(got-want) <= 1e-15) {
				t.Errorf("%v: At(%d) = %g, want %g", c.values, step, got, want)
			}
		}
	}
}

// TestEverySchedulePassesCheck: with every optimizer, with and without warm-up.
func TestEverySchedulePassesCheck(t *testing.T) {
	for _, optimizer := range OptimizerNames() {
		for _, name := range ScheduleNames() {
			for _, warmUp := range []string{"0", "0.5"} {
				values := map[string]string{"optimizer": optimizer, "schedule": name, "warm-up": warmUp}
				if err := settingsWith(t, values).Check(); err != nil {
					t.Errorf("%v: %v", values, err)
				}
			}
		}
	}
}

// TestScheduleOnEpsilon: the schedule becomes the target's, and the learning
// rate stays at 1.
func TestScheduleOnEpsilon(t *testing.T) {
	for on, want := range map[string]struct {
		rate, target string
		scheduled    bool
	}{"learning-rate": {"0.5", "0", true}, "epsilon": {"1", "(1-0.5) L", false}} {
		s := settingsWith(t, map[string]string{"schedule-on": on, "schedule": "paper-100", "learning-rate": "0.5"})
		if err := s.Check(); err != nil {
			t.Fatal(err)
		}
		o, err := NewOptimizer(s, 10, 50)
		if err != nil {
			t.Fatal(err)
		}
		text, err := json.Marshal(o.Settings)
		if err != nil {
			t.Fatal(err)
		}
		var got struct {
			Rate      json.Number `json:"learning_rate"`
			Target    string      `json:"target"`
			Scheduled bool        `json:"scheduled"`
		}
		if err := json.Unmarshal(text, &got); err != nil {
			t.Fatal(err)
		}
		if got.Rate.String() != want.rate || got.Target != want.target || got.Scheduled != want.scheduled {
			t.Errorf("on %s: %+v, want %+v", on, got, want)
		}
	}
}

func TestScheduleRefusals(t *testing.T) {
	for _, c := range []struct {
		values map[string]string
		says   string
	}{
		{map[string]string{"schedule": "wave"}, `unknown schedule "wave": use one of constant, step, cosine, paper-100`},
		{map[string]string{"schedule": "step", "schedule-every": "0"}, "schedule-every is 0"},
		{map[string]string{"schedule": "step", "schedule-every": "-1"}, "schedule-every is -1"},
		{map[string]string{"schedule": "step", "schedule-every": "0.001", "epochs": "100"}, "schedule-every is 0.001"},
		{map[string]string{"schedule": "step", "schedule-factor": "-0.1"}, "schedule-factor is -0.1"},
		{map[string]string{"schedule": "step", "schedule-factor": "1e9", "schedule-every": "1", "epochs": "100"}, "schedule-factor 1e+09"},
		{map[string]string{"schedule": "cosine", "schedule-epochs": "-2"}, "schedule-epochs is -2"},
		{map[string]string{"schedule": "cosine", "schedule-epochs": "1e10"}, "schedule-epochs is 1e+10"},
		{map[string]string{"schedule": "paper-100", "schedule-epochs": "0.001"}, "schedule-epochs is 0.001"},
		{map[string]string{"warm-up": "-1"}, "warm-up is -1"},
		{map[string]string{"warm-up": "1e300"}, "warm-up is 1e+300"},
		{map[string]string{"schedule": "cosine", "learning-rate": "-1"}, "learning-rate is -1"},
		{map[string]string{"schedule-on": "momentum"}, `unknown schedule-on "momentum": use learning-rate or epsilon`},
		{map[string]string{"schedule-on": "epsilon", "optimizer": "sgd"}, "schedule-on is epsilon, which sgd does not have"},
		{map[string]string{"schedule-on": "epsilon", "target": "0.5"}, `but target is "0.5"`},
		{map[string]string{"schedule-on": "epsilon", "target": "fraction:1"}, `but target is "fraction:1"`},
		{map[string]string{"schedule-on": "epsilon", "learning-rate": "-0.5"}, "learning-rate is -0.5"},
	} {
		err := settingsWith(t, c.values).Check()
		if err == nil || !strings.Contains(err.Error(), c.says) || !strings.HasPrefix(err.Error(), "settings: ") || strings.Contains(err.Error(), "\n") {
			t.Errorf("%v: %v, want one sentence about %q", c.values, err, c.says)
		}
	}
	s := Defaults()
	for name, value := range map[string]*float64{"schedule-epochs": &s.ScheduleEpochs, "warm-up": &s.WarmUp} {
		*value = math.NaN()
		if err := s.Check(); err == nil || !strings.Contains(err.Error(), name+" is not a finite number") {
			t.Errorf("%s: %v", name, err)
		}
		*value = 0
	}
}

// TestHashOfSchedules: the run's length is in the hash exactly where the
// schedule depends on it, and every setting of the schedule always.
func TestHashOfSchedules(t *testing.T) {
	for _, name := range ScheduleNames() {
		for _, epochs := range []string{"0", "5"} {
			values := map[string]string{"schedule": name, "schedule-epochs": epochs}
			for length, value := range map[string]string{"epochs": "7", "steps": "7"} {
				longer := maps.Clone(values)
				longer[length] = value
				follows := name == "cosine" && epochs == "0"
				if same := settingsWith(t, values).Hash() == settingsWith(t, longer).Hash(); same == follows {
					t.Errorf("%v with other %s: the same hash: %v", values, length, same)
				}
			}
		}
	}
	for name, value := range map[string]string{"schedule": "cosine", "schedule-epochs": "2", "warm-up": "1", "schedule-on": "epsilon"} {
		if settingsWith(t, map[string]string{name: value}).Hash() == Defaults().Hash() {
			t.Errorf("%s is not in the hash", name)
		}
	}
}

// TestResumeOfSchedules: a run goes on at another length unless its schedule
// depends on it, and the refusal names the setting that is in the way.
func TestResumeOfSchedules(t *testing.T) {
	for _, c := range []struct{ before, after, says string }{
		{`{"schedule": "cosine"}`, `{"schedule": "cosine", "engine": "go"}`, ""},
		{`{"schedule": "cosine"}`, `{"schedule": "cosine", "epochs": 5}`, "epochs was 3, now 5, and its schedule depends on the run's length unless schedule-epochs is set"},
		{`{"schedule": "cosine", "steps": 9}`, `{"schedule": "cosine", "steps": 10, "engine": "go"}`, "steps was 9, now 10, and its schedule"},
		{`{"schedule": "cosine"}`, `{"schedule": "constant", "epochs": 5}`, "schedule was cosine, now constant)"},
		{`{"schedule": "cosine"}`, `{"schedule": "cosine", "schedule-epochs": 5, "epochs": 5}`, "schedule-epochs was 0, now 5)"},
		{`{"schedule": "cosine", "schedule-epochs": 5}`, `{"schedule": "cosine", "schedule-epochs": 5, "epochs": 5}`, ""},
		{`{"schedule": "paper-100"}`, `{"schedule": "paper-100", "epochs": 5}`, ""},
		{`{}`, `{"warm-up": 0.5}`, "warm-up was 0, now 0.5)"},
		{`{}`, `{"schedule-on": "epsilon"}`, "schedule-on was learning-rate, now epsilon)"},
	} {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, SettingsFile), []byte(c.before), 0o600); err != nil {
			t.Fatal(err)
		}
		values, err := ReadSettings(strings.NewReader(c.after))
		if err != nil {
			t.Fatal(err)
		}
		s, err := Defaults().with(values)
		if err != nil {
			t.Fatal(err)
		}
		err = Compatible(dir, s)
		if c.says == "" && err != nil || c.says != "" && (err == nil || !strings.Contains(err.Error(), c.says)) {
			t.Errorf("%s after %s: %v, want %q", c.after, c.before, err, c.says)
		}
	}
}

// TestScheduleNamesAreThePapers: what package schedule adds is a setting too.
func TestScheduleNamesAreThePapers(t *testing.T) {
	if names := strings.Join(ScheduleNames(), " "); !strings.HasSuffix(names, strings.Join(schedule.PaperNames(), " ")) {
		t.Errorf("the schedules are %s", names)
	}
	shared := Defaults().Shared()
	for _, name := range []string{"schedule", "schedule-epochs", "schedule-on", "warm-up"} {
		if _, has := shared[name]; !has {
			t.Errorf("%s is not among the shared settings", name)
		}
	}
}
