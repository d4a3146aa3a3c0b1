package cli

import (
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/kafisto/kafisto/internal/job"
	"github.com/kafisto/kafisto/internal/runlog"
)

func TestGroupsHoldRunsOfTheSameSettingsAlone(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var records []job.Record
		for range rapid.IntRange(1, 8).Draw(t, "runs") {
			s := job.Defaults()
			s.Seed = rapid.Int64Range(1, 3).Draw(t, "seed")
			s.Optimizer = rapid.SampledFrom([]string{"kafisto", "sgd"}).Draw(t, "optimizer")
			s.Momentum = rapid.SampledFrom([]float64{0.5, 0.9}).Draw(t, "momentum")
			if rate := rapid.Float64Range(0, 2).Draw(t, "rate"); rate > 1 {
				s.LearningRate = new(2.0)
			}
			records = append(records, job.Record{Settings: s})
		}
		names := groupNames(records)
		for i, a := range records {
			for j, b := range records {
				x, y := a.Settings, b.Settings
				x.Seed, y.Seed = 0, 0
				if same := len(job.Difference(x, y)) == 0; same != (names[i] == names[j]) {
					t.Fatalf("runs %d and %d: groups %q and %q", i, j, names[i], names[j])
				}
			}
		}
	})
}

func TestTitle(t *testing.T) {
	for want, groups := range map[string][]string{
		"a on X":               {"a", "a"},
		"a, b and c on X":      {"a", "b", "c", "a"},
		"5 optimizers on X":    {"a", "b", "c", "d", "e"},
		"kafisto and sgd on X": {"kafisto", "sgd"},
	} {
		if got := title(groups, []string{"X"}); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

func TestFolderNamesAreFoldersEverywhere(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		name := folderName(rapid.String().Draw(t, "contender"))
		if strings.ContainsAny(name, `/\:*?"<>| `) || strings.ContainsFunc(name, func(r rune) bool { return r < ' ' }) {
			t.Fatalf("%q", name)
		}
	})
}

// makeRun writes a run folder without training.
func makeRun(t *testing.T, dir, dataset string, steps int, evals ...runlog.Eval) {
	t.Helper()
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	settings := fmt.Sprintf(`{"dataset": %q, "optimizer": "sgd"}`, dataset)
	if err := os.WriteFile(filepath.Join(dir, job.SettingsFile), []byte(settings), 0o644); err != nil {
		t.Fatal(err)
	}
	log, err := runlog.OpenWriter(filepath.Join(dir, "log.jsonl"), 0, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	for i := range steps {
		if err := log.Append(runlog.Step{Step: int64(i + 1), Epoch: float64(i + 1), Loss: 1, Seconds: 0.1}); err != nil {
			t.Fatal(err)
		}
	}
	for _, e := range evals {
		if err := log.Append(e); err != nil {
			t.Fatal(err)
		}
	}
}

// perplexities are the evaluations of a language model after a step.
func perplexities(step int64, validation, test float64) []runlog.Eval {
	return []runlog.Eval{
		{Step: step, Epoch: float64(step), Split: runlog.Validation, Loss: math.Log(validation), Perplexity: validation, UnigramPerplexity: 688.2, Examples: 100},
		{Step: step, Epoch: float64(step), Split: runlog.Test, Loss: math.Log(test), Perplexity: test, UnigramPerplexity: 645.9, Examples: 100},
	}
}

func TestReportOfALanguageModel(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "run")
	makeRun(t, dir, "ptb", 3, slices.Concat(perplexities(1, 300, 290), perplexities(2, 110, 105.5), perplexities(3, 112, 104))...)
	r := succeed(t, "report", dir)
	for _, want := range []string{"Penn Treebank", "112.00", "110.00", "105.50", "688.2 (validation) and 645.9 (test)", "35 words at a time"} {
		if !strings.Contains(r.stdout, want) {
			t.Errorf("%q lacks %q", r.stdout, want)
		}
	}
	if strings.Contains(r.stdout, "error") {
		t.Errorf("errors of a language model: %q", r.stdout)
	}
	path := filepath.Join(t.TempDir(), "alone.csv")
	succeed(t, "report", dir, "--out", path)
	for _, path := range []string{path, filepath.Join(dir, "evaluations.csv")} {
		text, err := os.ReadFile(path)
		if lines := strings.Split(string(text), "\n"); err != nil || len(lines) != 5 || !strings.HasPrefix(lines[2], "sgd,1,2,2,") || !strings.Contains(lines[2], ",105.5,") {
			t.Errorf("%s: %q, %v", path, text, err)
		}
	}
	noLeftovers(t, dir)
	if entries, err := os.ReadDir(filepath.Dir(path)); err != nil || len(entries) != 1 {
		t.Errorf("beside the evaluations alone: %v, %v", entries, err)
	}
}

func TestScaledText(t *testing.T) {
	for _, c := range []struct {
		dataset     string
		train, eval int
		want        string
	}{
		{"cifar10", 0, 0, ""},
		{"cifar10", 100, 0, "scaled down: 100 training images, 10000 held-out images"},
		{"fashion-sample", 0, 0, "scaled down: 10000 training images, 2000 held-out images"},
		{"ptb", 0, 0, ""},
		{"ptb", 1000, 0, "scaled down: 1000 training words, 73760 validation words, 82430 test words"},
		{"ptb", 0, 500, "scaled down: 929589 training words, 500 validation words, 500 test words"},
		{"shakespeare", 0, 0, ""}, // it is small by itself
	} {
		s := job.Defaults()
		s.Dataset, s.TrainExamples, s.EvalExamples = c.dataset, c.train, c.eval
		if got := scaledText(job.Record{Settings: s}); got != c.want {
			t.Errorf("%s, %d, %d: %q, want %q", c.dataset, c.train, c.eval, got, c.want)
		}
	}
}

func TestReportLeavesOutRunsWithoutSteps(t *testing.T) {
	dir := t.TempDir()
	makeRun(t, filepath.Join(dir, "b"), "cifar10", 2)
	makeRun(t, filepath.Join(dir, "empty"), "cifar10", 0)
	r := succeed(t, "report", dir)
	if !strings.Contains(r.stderr, "empty") || !strings.Contains(r.stdout, "sgd on CIFAR-10") {
		t.Errorf("standard output %q, standard error %q", r.stdout, r.stderr)
	}
}

func TestReportRefusesSeveralDataSets(t *testing.T) {
	dir, out := t.TempDir(), filepath.Join(t.TempDir(), "out")
	makeRun(t, filepath.Join(dir, "a"), "cifar10", 2)
	makeRun(t, filepath.Join(dir, "b"), "cifar100", 2)
	r := run(t, "report", dir, "--out", out)
	if _, err := os.Stat(out); r.code != exitFailed || !strings.Contains(r.stderr, "different data sets") || !os.IsNotExist(err) {
		t.Errorf("exit code %d, %q, %v", r.code, r.stderr, err)
	}
	if r := run(t, "report", filepath.Join(dir, "a"), filepath.Join(dir, "b")); r.code != exitUsage || !strings.Contains(r.stderr, "--out") {
		t.Errorf("exit code %d, %q", r.code, r.stderr)
	}
}

func TestReportRefusesOtherHeldOutImages(t *testing.T) {
	dir := t.TempDir()
	makeRun(t, filepath.Join(dir, "a"), "cifar10", 2)
	makeRun(t, filepath.Join(dir, "b"), "cifar10", 2)
	path := filepath.Join(dir, "b", job.SettingsFile)
	if err := os.WriteFile(path, []byte(`{"dataset": "cifar10", "eval-examples": 500}`), 0o644); err != nil {
		t.Fatal(err)
	}
	if r := run(t, "report", dir); r.code != exitFailed || !strings.Contains(r.stderr, "eval-examples is 0 and 500") {
		t.Errorf("exit code %d, %q", r.code, r.stderr)
	}
}

func TestReportedSettingsArePlain(t *testing.T) {
	noise := map[string]any{"adaptive": true, "value": 1.0, "smoothing": 0.9}
	got := reportedSettings(job.Record{Settings: job.Defaults(), Optimizer: map[string]any{"measurement_noise": noise, "weight_decay": 0.1}})
	shown, _ := got["measurement-noise"].(map[string]any)
	if got["weight-decay"] != 0.1 || shown["start"] != 1.0 || shown["value"] != nil || noise["value"] != 1.0 {
		t.Errorf("%v", got)
	}
}

func TestDataCheckMakesNoFolder(t *testing.T) {
	home := t.TempDir()
	t.Setenv("HOME", home)
	t.Setenv("XDG_CACHE_HOME", filepath.Join(home, "cache"))
	if r := run(t, "data", "check", "cifar10"); r.code != exitFailed || !strings.Contains(r.stderr, "fetch the data set") {
		t.Errorf("exit code %d, %q", r.code, r.stderr)
	}
	if entries, err := os.ReadDir(home); err != nil || len(entries) != 0 {
		t.Errorf("made %v (%v)", entries, err)
	}
}

func TestShortCommands(t *testing.T) {
	for _, c := range []struct {
		args []string
		text string
		kind string
	}{
		{[]string{"version"}, "gomlx", "version"},
		{[]string{"version"}, "kernels", "version"},
		{[]string{"engine"}, "part of this program", "engine"},
		{[]string{"engine"}, "kernels for xla:cpu: ", "build"},
		{[]string{"data", "list"}, "cifar100-coarse", "data"},
		{[]string{"data", "list"}, "words, 10000 different", "data"},
		{[]string{"data", "check", "shakespeare"}, "264717 training, 14066 validation and 12802 held-out words", "checked"},
		{[]string{"data", "fetch", "shakespeare", "--offline"}, "nothing to fetch", "fetched"},
		{[]string{"data", "check", "fashion-sample"}, "10000 training and 2000 held-out", "checked"},
		{[]string{"data", "fetch", "fashion-sample", "--offline"}, "nothing to fetch", "fetched"},
	} {
		if r := succeed(t, c.args...); !strings.Contains(r.stdout, c.text) || r.stderr != "" {
			t.Errorf("%v: %q, %q", c.args, r.stdout, r.stderr)
		}
		if r := succeed(t, append(slices.Clone(c.args), "--json")...); len(ofType(objects(t, r.stdout), c.kind)) == 0 {
			t.Errorf("%v: %q", c.args, r.stdout)
		}
	}
}

func TestHelpNamesExitCodes(t *testing.T) {
	for _, args := range [][]string{nil, {"--help"}} {
		if r := succeed(t, args...); !strings.Contains(r.stdout, "Exit codes: 0 done") {
			t.Errorf("%v: %q", args, r.stdout)
		}
	}
	if r := succeed(t, "train", "--help", "--settings=none"); !strings.Contains(r.stdout, "--batch-size") {
		t.Errorf("%q", r.stdout)
	}
}
