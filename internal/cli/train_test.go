package cli

import (
	"context"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/kafisto/kafisto/internal/engine"
	"github.com/kafisto/kafisto/internal/job"
	"github.com/kafisto/kafisto/internal/runlog"
	"github.com/kafisto/kafisto/internal/train"
)

func TestTrainLeavesRunAndReport(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "run")
	r := succeed(t, with([]string{"train", "--dir", dir, "--optimizer=sgd", "--eval-every=1"}, tiny...)...)
	for _, name := range []string{"report.html", "report.json", "evaluations.csv", "figures/training-loss.png", "figures/training-loss.svg", "settings.json", "log.jsonl"} {
		if info, err := os.Stat(filepath.Join(dir, name)); err != nil || info.Size() == 0 {
			t.Errorf("%s: %v", name, err)
		}
	}
	noLeftovers(t, dir)
	got := record(t, dir)
	if got.Log.End == nil || got.Log.End.Status != runlog.StatusFinished || len(got.Log.Steps) != 3 || len(got.Log.Evals) != 3 {
		t.Errorf("log %+v", got.Log)
	}
	if got.About.Command == "" || got.About.Machine == "" || got.Optimizer["momentum"] != 0.9 {
		t.Errorf("about %+v, optimizer %v", got.About, got.Optimizer)
	}
	if !strings.Contains(r.stdout, "finished after 3 steps") || strings.Count(r.stderr, "top-1 error") != 3 {
		t.Errorf("standard output %q, standard error %q", r.stdout, r.stderr)
	}
	if both := r.stdout + r.stderr; strings.ContainsAny(both, "\x1b\r") {
		t.Errorf("escape codes or carriage returns in a pipe: %q", both)
	}

	again := run(t, with([]string{"train", "--dir", dir, "--optimizer=sgd"}, tiny...)...)
	if again.code != exitFailed || !strings.Contains(again.stderr, "--resume") || strings.Count(again.stderr, "\n") != 1 {
		t.Errorf("a second run in the folder: exit code %d, %q", again.code, again.stderr)
	}
	other := run(t, "train", "--dir", dir, "--resume", "--momentum=0.5")
	if other.code != exitFailed || !strings.Contains(other.stderr, "momentum was 0.9, now 0.5") {
		t.Errorf("resumed with other settings: exit code %d, %q", other.code, other.stderr)
	}
}

func TestTrainPrintsJSON(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "run")
	r := succeed(t, with([]string{"train", "--json", "--dir", dir}, tiny...)...)
	if r.stderr != "" {
		t.Errorf("standard error %q", r.stderr)
	}
	all := objects(t, r.stdout)
	results := ofType(all, "result")
	if len(results) != 1 || results[0]["status"] != "finished" || results[0]["steps"] != 3.0 || results[0]["dir"] != dir {
		t.Errorf("results %v", results)
	}
	if len(ofType(all, "begin")) != 1 || len(ofType(all, "eval")) != 1 || len(ofType(all, "written")) != 1 {
		t.Errorf("objects %v", all)
	}
	failed := run(t, "train", "--json", "--dir", dir, "--epochs=0")
	if mistakes := objects(t, failed.stdout); len(mistakes) != 1 || mistakes[0]["exit_code"] != float64(exitUsage) || failed.code != exitUsage {
		t.Errorf("exit code %d, objects %v", failed.code, mistakes)
	}
}

func TestStoppedRunIsSavedAndGoesOnAsIfNeverStopped(t *testing.T) {
	args := with([]string{"train", "--quiet", "--steps=6", "--eval-every=2"}, tiny[:3]...)
	args = with(args, "--engine=go", "--json")
	whole, stopped := filepath.Join(t.TempDir(), "whole"), filepath.Join(t.TempDir(), "stopped")
	succeed(t, with(args, "--dir", whole)...)

	ctx, cancel := context.WithCancel(t.Context())
	noQuiet := slices.DeleteFunc(slices.Clone(args), func(arg string) bool { return arg == "--quiet" })
	r := runUnder(t, ctx, func(text string) {
		if strings.Contains(text, `"type":"eval"`) {
			cancel()
		}
	}, with(noQuiet, "--dir", stopped)...)
	if r.code != exitStopped || strings.Count(r.stderr, "\n") != 1 {
		t.Fatalf("exit code %d, standard error %q", r.code, r.stderr)
	}
	half := record(t, stopped)
	if half.Log.End == nil || half.Log.End.Status != runlog.StatusStopped || len(half.Log.Steps) != 2 {
		t.Fatalf("stopped: %+v", half.Log)
	}
	if _, err := os.Stat(filepath.Join(stopped, "checkpoints", "step-000000002", "manifest.json")); err != nil {
		t.Error(err)
	}

	succeed(t, "train", "--dir", stopped, "--resume", "--quiet")
	a, b := losses(record(t, whole)), losses(record(t, stopped))
	if len(a) != 6 || !reflect.DeepEqual(a, b) {
		t.Errorf("losses of the whole run %v, of the stopped one %v", a, b)
	}

	shorter := run(t, "train", "--dir", stopped, "--resume", "--steps=5")
	if shorter.code != exitFailed || !strings.Contains(shorter.stderr, "step 6") || record(t, stopped).Settings.Steps != 6 {
		t.Errorf("made shorter: exit code %d, %q", shorter.code, shorter.stderr)
	}
	succeed(t, "train", "--dir", stopped, "--resume", "--quiet", "--steps=7")
	if longer := record(t, stopped); len(longer.Log.Steps) != 7 || longer.Settings.Steps != 7 {
		t.Errorf("made longer: %d steps in the log, %d in the settings", len(longer.Log.Steps), longer.Settings.Steps)
	}
}

func TestFailedStartLeavesNoRun(t *testing.T) {
	for _, info := range engine.Status(t.Context()) {
		if info.Choice == engine.XLACUDA && info.Available {
			t.Skip("there is a GPU")
		}
	}
	dir := filepath.Join(t.TempDir(), "run")
	args := with([]string{"train", "--quiet", "--offline", "--dir", dir}, tiny...)
	if r := run(t, with(args, "--engine=xla:cuda")...); r.code != exitFailed {
		t.Errorf("exit code %d, standard error %q", r.code, r.stderr)
	}
	if _, err := os.Stat(dir); !os.IsNotExist(err) {
		t.Errorf("the run folder was made: %v", err)
	}
	succeed(t, args...)
}

func TestResumeTellsOfAnotherEngineAndOfItsCommand(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "run")
	succeed(t, with([]string{"train", "--quiet", "--dir", dir}, tiny...)...)
	path := filepath.Join(dir, train.LogFile)
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	other := strings.Replace(string(text), `"engine":"go"`, `"engine":"xla:cpu","kernels":"none"`, 1)
	if err := os.WriteFile(path, []byte(other), 0o644); err != nil || other == string(text) {
		t.Fatal(err)
	}
	r := succeed(t, "train", "--resume", "--quiet", "--dir", dir, "--steps=4")
	if strings.Count(r.stderr, "resuming with something else (engine was xla:cpu, now go): the results may differ in the last bits") != 1 {
		t.Errorf("standard error %q", r.stderr)
	}
	r = succeed(t, "train", "--resume", "--quiet", "--dir", dir, "--steps=5")
	if strings.Contains(r.stderr, "resuming") {
		t.Errorf("standard error %q", r.stderr)
	}
	got := record(t, dir)
	if a := got.About; !strings.Contains(a.Command, "--batch-size") || len(a.Resumed) != 2 || !strings.Contains(a.Resumed[1], "--steps=5") {
		t.Errorf("about %+v", a)
	}
	report := newReport([]job.Record{got})
	if report.Engine != "xla:cpu, then go" || strings.Count(report.Command, "\n") != 2 {
		t.Errorf("engine %q, commands %q", report.Engine, report.Command)
	}
}

func losses(r job.Record) (all []float64) {
	for _, s := range r.Log.Steps {
		all = append(all, s.Loss)
	}
	return all
}

func TestDivergedRunExitsWithItsCode(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "run")
	r := run(t, with([]string{"train", "--dir", dir, "--optimizer=sgd", "--learning-rate=1e38"}, tiny...)...)
	if r.code != exitDiverged || !strings.Contains(r.stderr, "diverged") {
		t.Errorf("exit code %d, standard error %q", r.code, r.stderr)
	}
	if got := record(t, dir); got.Log.End == nil || got.Log.End.Status != runlog.StatusDiverged {
		t.Errorf("log %+v", got.Log)
	}
	if _, err := os.Stat(filepath.Join(dir, "report.html")); err != nil {
		t.Error(err)
	}
}

func TestDivergedRunMayGoBack(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "run")
	r := succeed(t, with([]string{"train", "--dir", dir, "--optimizer=sgd", "--learning-rate=1e38", "--retries=1", "--retry-factor=1e-40"}, tiny...)...)
	if strings.Count(r.stderr, "going back to the start with 1e-40 of the learning rate (retry 1 of 1)") != 1 {
		t.Errorf("standard error %q", r.stderr)
	}
	got := record(t, dir)
	if rate := got.Log.Steps[2].LearningRate[0]; len(got.Log.Starts) != 2 || got.Log.Starts[1].Retries != 1 || math.Abs(rate-0.01) > 1e-8 {
		t.Errorf("starts %+v, learning rate %g", got.Log.Starts, rate)
	}
	if table := succeed(t, "report", dir).stdout; !strings.Contains(table, "sgd seed 1 diverged and went on with a smaller learning rate, retry 1.") {
		t.Errorf("report %q", table)
	}
}

// TestDivergedRunMayBeResumed: with retries, which it was not started with.
func TestDivergedRunMayBeResumed(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "run")
	r := run(t, with([]string{"train", "--dir", dir, "--optimizer=sgd", "--learning-rate=1e38"}, tiny...)...)
	if r.code != exitDiverged || !strings.Contains(r.stderr, "--resume with more --retries") {
		t.Fatalf("exit code %d, standard error %q", r.code, r.stderr)
	}
	succeed(t, "train", "--dir", dir, "--resume", "--retries=1", "--retry-factor=1e-40", "--save-every=2", "--loss-bound=1e6")
	if got := record(t, dir); got.Settings.Retries != 1 || got.Log.End.Status != runlog.StatusFinished {
		t.Errorf("settings %+v, end %+v", got.Settings, got.Log.End)
	}
}

func TestTrainALanguageModel(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "run")
	args := []string{"train", "--dataset=shakespeare", "--model=tiny-lstm", "--width=8", "--batch-size=4", "--window=5", "--steps=4",
		"--eval-every=2", "--train-examples=200", "--eval-examples=60", "--engine=go", "--optimizer=adam"}
	r := succeed(t, with(args, "--dir", dir)...)
	best, ok := record(t, dir).Log.LowestLoss()
	if !ok || !best.IsLanguage() || best.UnigramPerplexity <= 1 {
		t.Fatalf("best evaluation %+v", best)
	}
	for _, want := range []string{" validation perplexity ", " test perplexity "} {
		if strings.Count(r.stderr, want) != 2 {
			t.Errorf("progress %q has not twice %q", r.stderr, want)
		}
	}
	for _, want := range []string{"validation perplexity ", "; best perplexity ", " (guessing by frequency: ", "\ntest perplexity "} {
		if !strings.Contains(r.stdout, want) {
			t.Errorf("standard output %q lacks %q", r.stdout, want)
		}
	}
	if both := r.stdout + r.stderr; strings.Contains(both, "error") || strings.Contains(both, "image") {
		t.Errorf("errors of a language model: %q, %q", r.stdout, r.stderr)
	}
	page, err := os.ReadFile(filepath.Join(dir, "report.html"))
	if err != nil || !strings.Contains(string(page), "scaled down: 200 training words, 60 validation words, 60 test words") {
		t.Errorf("the page does not say how it is scaled down (%v)", err)
	}

	printed := succeed(t, with(args, "--json", "--dir", dir+"2")...)
	result := ofType(objects(t, printed.stdout), "result")[0]
	test, _ := result["test"].(map[string]any)
	if chosen, _ := result["best"].(map[string]any); test["split"] != "test" || test["step"] != chosen["step"] || test["perplexity"] == nil {
		t.Errorf("result %v", result)
	}
}
