package cli

import (
	"context"
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/kafisto/kafisto/internal/experiment"
	"github.com/kafisto/kafisto/internal/job"
)

// searching is a search over settings of tiny runs of SGD.
func searching(dir string, more ...string) []string {
	return with(with([]string{"search", "--optimizer=sgd", "--quiet", "--dir", dir}, tiny...), more...)
}

// found is a search.json.
type found struct {
	Measure string
	Seeds   []int64
	Trials  []struct {
		Rank, Trial int
		Status      string
		Settings    map[string]any
		Best, Final struct {
			N    int
			Mean float64
		}
		Diverged int
		Runs     []string
	}
}

func readFound(t *testing.T, dir string) found {
	t.Helper()
	var f found
	text, err := os.ReadFile(filepath.Join(dir, "search.json"))
	if err == nil {
		err = json.Unmarshal(text, &f)
	}
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// TestSearch does a grid with a value that diverges, and finds the ranking that its
// logs say; the best settings train as in the search.
func TestSearch(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "found")
	args := searching(dir, "--over=learning-rate=1e38,0.01,0.1", "--over=momentum=0,0.9", "--seeds=1,2", "--eval-every=1")
	r := succeed(t, args...)
	f := readFound(t, dir)
	if len(f.Trials) != 6 || !strings.Contains(f.Measure, "top-1 error") || !slices.Equal(f.Seeds, []int64{1, 2}) {
		t.Fatalf("found %+v", f)
	}
	last := 0.0
	for i, trial := range f.Trials {
		if i >= 4 { // those that diverge are last
			if trial.Settings["learning-rate"] != 1e38 || trial.Status != "2 of 2 diverged" || trial.Diverged != 2 || trial.Rank != 0 {
				t.Errorf("place %d: %+v", i+1, trial)
			}
			continue
		}
		best, final := 0.0, 0.0
		for _, folder := range trial.Runs {
			run := record(t, filepath.Join(dir, experiment.RunsFolder, folder))
			if run.Settings.Momentum != trial.Settings["momentum"] || *run.Settings.LearningRate != trial.Settings["learning-rate"] {
				t.Errorf("%s: %+v is not %v", folder, run.Settings, trial.Settings)
			}
			evals, lowest := run.Log.Evals, 100.0
			for _, e := range evals {
				lowest = min(lowest, e.Top1Error)
			}
			best, final = best+lowest/2, final+evals[len(evals)-1].Top1Error/2
		}
		if trial.Best.Mean != best || trial.Final.Mean != final || trial.Best.N != 2 || best < last || trial.Status != "done" || trial.Rank < 1 || trial.Rank > i+1 {
			t.Errorf("place %d: %+v, the logs say %g and %g", i+1, trial, best, final)
		}
		last = best
	}
	for _, want := range []string{"rank", "learning-rate", "±", "2 of 2 diverged", "report: ", "best.json\nkafisto train --"} {
		if !strings.Contains(r.stdout, want) {
			t.Errorf("the standard output lacks %q:\n%s", want, r.stdout)
		}
	}
	if _, err := os.Stat(filepath.Join(dir, "report.html")); err != nil {
		t.Error(err)
	}
	noLeftovers(t, dir)
	trainsAgain(t, dir, r.stdout, f.Trials[0].Runs[0])

	before := results(t, dir)
	again := succeed(t, with(args, "--report-only")...)
	if again.stdout != r.stdout || starts(t, dir) != 12 {
		t.Errorf("the report alone: %s", again.stdout)
	}
	if again = succeed(t, args...); again.stdout != r.stdout || !maps.Equal(before, results(t, dir)) {
		t.Errorf("a second time: %s", again.stdout)
	}
	unfinished := succeed(t, with(args, "--report-only", "--seeds=3")...)
	if _, err := os.Stat(filepath.Join(dir, "best.json")); !os.IsNotExist(err) || !strings.Contains(unfinished.stderr, "no trial has finished all its runs yet") {
		t.Errorf("without a best trial best.json stays (%v), or nothing says so: %q", err, unfinished.stderr)
	}
	final := succeed(t, with(args, "--report-only", "--rank-by=final", "--json")...)
	if all := objects(t, final.stdout); len(ofType(all, "search")) != 1 || ofType(all, "search")[0]["rank_by"] != "final" || len(ofType(all, "best")) != 1 {
		t.Errorf("as JSON: %s", final.stdout)
	}
}

// trainsAgain trains with best.json and with the command that the search printed:
// both are the run of the search.
func trainsAgain(t *testing.T, dir, stdout, folder string) {
	t.Helper()
	want := record(t, filepath.Join(dir, experiment.RunsFolder, folder)).Log
	_, command, _ := strings.Cut(stdout, "\nkafisto ")
	file := []string{"train", "--settings", filepath.Join(dir, "best.json")}
	for _, args := range [][]string{file, strings.Fields(command)} {
		run := filepath.Join(t.TempDir(), "run")
		succeed(t, with(args, "--dir", run, "--quiet")...)
		got := record(t, run).Log
		if len(got.Steps) != len(want.Steps) || len(got.Evals) != len(want.Evals) {
			t.Errorf("%q: %d steps and %d evaluations, want %d and %d", args, len(got.Steps), len(got.Evals), len(want.Steps), len(want.Evals))
			continue
		}
		for i, step := range want.Steps {
			if got.Steps[i].Loss != step.Loss {
				t.Errorf("%q: the loss of step %d is %v, not %v", args, i+1, got.Steps[i].Loss, step.Loss)
			}
		}
	}
}

// TestSearchStopsAndGrows stops a random search, goes on with it, and makes it have
// more trials, seeds and steps: no run is done twice.
func TestSearchStopsAndGrows(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "found")
	args := searching(dir, "--trials=2", "--over=learning-rate=log:0.001..0.1", "--over=augment=true,false")
	ctx, cancel := context.WithCancel(t.Context())
	r := runUnder(t, ctx, func(text string) {
		if strings.Contains(text, "run 2 of 2") {
			cancel()
		}
	}, args...)
	if r.code != exitStopped || !strings.Contains(r.stderr, "same command") {
		t.Fatalf("exit code %d, standard error %q", r.code, r.stderr)
	}
	partly := succeed(t, with(args, "--report-only")...)
	if !strings.Contains(partly.stdout, "done") || !strings.Contains(partly.stdout, "best: ") || len(readFound(t, dir).Trials) != 2 {
		t.Errorf("the stopped search: %s", partly.stdout)
	}
	succeed(t, args...)
	before := results(t, dir)
	more := with(args, "--trials=3", "--seeds=2,1")
	succeed(t, more...)
	after := results(t, dir)
	for folder, text := range before {
		if after[folder] != text {
			t.Errorf("%s was run again", folder)
		}
	}
	if len(before) != 2 || len(after) != 6 {
		t.Errorf("%d runs, then %d", len(before), len(after))
	}
	if fewer := run(t, args...); fewer.code != exitFailed || !strings.Contains(fewer.stderr, "of 3 trials, now 2") {
		t.Errorf("fewer trials: exit code %d, %q", fewer.code, fewer.stderr)
	}
	succeed(t, with(more, "--steps=5")...)
	for folder := range results(t, dir) {
		if got := record(t, filepath.Join(dir, experiment.RunsFolder, folder)); len(got.Log.Steps) != 5 || got.About.Group == "" {
			t.Errorf("%s has %d steps, group %q", folder, len(got.Log.Steps), got.About.Group)
		}
	}
	if len(after) != len(results(t, dir)) {
		t.Error("longer runs are in other folders")
	}
	r = run(t, with(more, "--steps=5", "--weight-decay=0")...)
	if r.code != exitFailed || !strings.Contains(r.stderr, "weight-decay was") || strings.Count(r.stderr, "\n") != 1 {
		t.Errorf("another search: exit code %d, %q", r.code, r.stderr)
	}
}

// TestSearchGrowsMeanwhile: a process that has done its trials ends well where
// another one has made the search grow, and leaves what that one saves alone.
func TestSearchGrowsMeanwhile(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "found")
	args := searching(dir, "--over=learning-rate=0.01,0.1")
	var grown bool
	r := runUnder(t, t.Context(), func(text string) {
		if grown || !strings.Contains(text, "run 2 of 2") {
			return
		}
		grown = true
		mark := filepath.Join(dir, "space.json")
		held, err := os.ReadFile(mark)
		if err == nil {
			err = os.WriteFile(mark, []byte(strings.Replace(string(held), `"seeds":[1]`, `"seeds":[1,2]`, 1)), 0o644)
		}
		if err != nil {
			t.Error(err)
		}
	}, args...)
	if !grown || r.code != exitDone || !strings.Contains(r.stderr, "has grown meanwhile") || strings.Count(r.stdout, "done") != 2 {
		t.Errorf("exit code %d, standard output %q, standard error %q", r.code, r.stdout, r.stderr)
	}
	if _, err := os.Stat(filepath.Join(dir, "search.json")); !os.IsNotExist(err) {
		t.Errorf("the ranking of a part is saved (%v)", err)
	}
	if r := succeed(t, "report", dir); !strings.Contains(r.stdout, "learning-rate=0.01") {
		t.Errorf("the report of a search's folder: %q", r.stdout)
	}
}

func TestSearchOfWhatDivergesHasNoBest(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "found")
	r := succeed(t, searching(dir, "--over=learning-rate=1e38")...)
	if !strings.Contains(r.stderr, "without diverging") || strings.Contains(r.stdout, "best: ") {
		t.Errorf("standard output %q, standard error %q", r.stdout, r.stderr)
	}
	if _, err := os.Stat(filepath.Join(dir, "best.json")); !os.IsNotExist(err) {
		t.Errorf("there is a best.json (%v)", err)
	}
}

func TestSearchHelp(t *testing.T) {
	r := succeed(t, "search", "--help")
	if !strings.Contains(r.stdout, "kafisto search --optimizer sgd") || strings.Contains(r.stdout, "--seed=") || !strings.Contains(r.stdout, "--learning-rate=") {
		t.Errorf("help %q", r.stdout)
	}
}

// TestSearchSettings: seed in a settings file is passed over, as with compare, and
// the best settings keep the engine and the data folder.
func TestSearchSettings(t *testing.T) {
	dir, file := filepath.Join(t.TempDir(), "found"), write(t, "settings.json", `{"seed": 5, "momentum": 0.5}`)
	succeed(t, searching(dir, "--over=learning-rate=0.1", "--settings", file)...)
	f, err := os.Open(filepath.Join(dir, "best.json"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	s, err := job.Defaults().Merge(f)
	if err != nil || s.Seed != 1 || s.Momentum != 0.5 || s.Engine != "go" || *s.LearningRate != 0.1 {
		t.Errorf("%+v, %v", s, err)
	}
}
