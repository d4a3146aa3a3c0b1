package cli

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/kafisto/kafisto/internal/job"
	"github.com/kafisto/kafisto/internal/runlog"
)

// TestCompareSharesItsFolder: a cell on which another process works is waited for, and not run again when that has done it.
func TestCompareSharesItsFolder(t *testing.T) {
	args := with([]string{"compare", "sgd", "adam", "--quiet"}, tiny...)
	there, dir := filepath.Join(t.TempDir(), "there"), filepath.Join(t.TempDir(), "here")
	succeed(t, with(args, "--dir", there)...)
	if err := os.Remove(filepath.Join(there, "sgd-seed1", "lock")); err != nil {
		t.Fatal(err)
	}
	cell := filepath.Join(dir, "sgd-seed1")
	unlock, err := job.Claim(cell)
	if err != nil {
		t.Fatal(err)
	}
	r := runUnder(t, t.Context(), func(text string) {
		if strings.Contains(text, "waiting for other processes: 1 of") {
			if err := os.CopyFS(cell, os.DirFS(filepath.Join(there, "sgd-seed1"))); err != nil {
				t.Error(err)
			}
			unlock()
		}
	}, with(args, "--dir", dir)...)
	if r.code != exitDone || strings.Count(r.stderr, "done already") != 1 {
		t.Errorf("exit code %d, standard error %q", r.code, r.stderr)
	}
	if log := record(t, cell).Log; len(log.Starts) != 1 {
		t.Errorf("the other's run was started %d times", len(log.Starts))
	}
}

// summaries reads the groups of a report.json.
func summaries(t *testing.T, dir string) map[string]map[string]any {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(dir, "report.json"))
	if err != nil {
		t.Fatal(err)
	}
	var r struct{ Summary []map[string]any }
	if err := json.Unmarshal(text, &r); err != nil {
		t.Fatal(err)
	}
	groups := map[string]map[string]any{}
	for _, s := range r.Summary {
		groups[s["group"].(string)] = s
	}
	return groups
}

func TestCompareGoesOnAndRunsNothingTwice(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "compared")
	args := with([]string{"compare", "sgd:momentum=0.5", "adam", "--seeds=1,2", "--dir", dir}, tiny...)
	ctx, cancel := context.WithCancel(t.Context())
	r := runUnder(t, ctx, func(text string) {
		if strings.Contains(text, "adam seed 1: step 3/3") {
			cancel()
		}
	}, args...)
	if r.code != exitStopped || !strings.Contains(r.stderr, "same command") {
		t.Fatalf("exit code %d, standard error %q", r.code, r.stderr)
	}
	r = succeed(t, args...)
	if strings.Count(r.stderr, "done already") < 1 || strings.ContainsAny(r.stdout+r.stderr, "\x1b\r") {
		t.Errorf("standard error %q", r.stderr)
	}
	for group, seeds := range map[string]int{"sgd:momentum=0.5": 2, "adam": 2} {
		s := summaries(t, dir)[group]
		if s == nil || len(s["seeds"].([]any)) != seeds || s["unfinished"] != 0.0 {
			t.Errorf("%s: %v", group, s)
		}
	}
	if !strings.Contains(r.stdout, "±") || !strings.Contains(r.stdout, "report: ") {
		t.Errorf("standard output %q", r.stdout)
	}
	if got := record(t, filepath.Join(dir, "sgd_momentum=0.5-seed2")); got.Settings.Momentum != 0.5 || got.Settings.Seed != 2 {
		t.Errorf("settings %+v", got.Settings)
	}

	before := readLogs(t, dir)
	again := succeed(t, args...)
	if strings.Count(again.stderr, "done already") != 4 || readLogs(t, dir) != before {
		t.Errorf("the third time something was run: %q", again.stderr)
	}
	other := run(t, with(args, "--weight-decay=0")...)
	if other.code != exitFailed || !strings.Contains(other.stderr, "weight-decay") || readLogs(t, dir) != before {
		t.Errorf("other settings: exit code %d, %q", other.code, other.stderr)
	}
	fewer := run(t, with(args, "--steps=2")...)
	if fewer.code != exitFailed || !strings.Contains(fewer.stderr, "longer") || readLogs(t, dir) != before {
		t.Errorf("fewer steps: exit code %d, %q", fewer.code, fewer.stderr)
	}

	page := filepath.Join(t.TempDir(), "page.html")
	made := succeed(t, "report", dir, "--out", page)
	if info, err := os.Stat(page); err != nil || info.Size() == 0 || !strings.Contains(made.stdout, "sgd:momentum=0.5") {
		t.Errorf("report: %v, %q", err, made.stdout)
	}
	noLeftovers(t, dir)
}

func TestCompareTrainsWhatAnExtensionHasOnlyPlanned(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "compared")
	args := with([]string{"compare", "sgd", "--dir", dir}, tiny...)
	succeed(t, args...)
	run := filepath.Join(dir, "sgd-seed1")
	path := filepath.Join(run, job.SettingsFile)
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	longer := strings.Replace(string(text), `"steps": 3`, `"steps": 5`, 1)
	if err := os.WriteFile(path, []byte(longer), 0o644); err != nil || longer == string(text) {
		t.Fatal(err) // as an extension that was killed before its first step
	}
	r := succeed(t, with(args, "--steps=5")...)
	if got := record(t, run).Log; len(got.Steps) != 5 || got.End.Step != 5 || strings.Contains(r.stderr, "done already") {
		t.Errorf("%d steps, end %+v, standard error %q", len(got.Steps), got.End, r.stderr)
	}
	if r := succeed(t, with(args, "--steps=5")...); !strings.Contains(r.stderr, "done already") {
		t.Errorf("standard error %q", r.stderr)
	}
}

func TestCompareTakesSeedAndOptimizerFromNowhereElse(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "compared")
	file := write(t, "settings.json", `{"seed": 5, "optimizer": "adam"}`)
	succeed(t, with([]string{"compare", "sgd", "--dir", dir, "--settings", file}, tiny...)...)
	if got := record(t, filepath.Join(dir, "sgd-seed1")).Settings; got.Seed != 1 || got.Optimizer != "sgd" {
		t.Errorf("settings %+v", got)
	}
	r := succeed(t, "compare", "--help")
	if !strings.Contains(r.stdout, "Example: kafisto compare") || strings.Contains(r.stdout, "--seed=") || strings.Contains(r.stdout, "--optimizer=") {
		t.Errorf("help %q", r.stdout)
	}
}

// readLogs is the text of all logs below a folder.
func readLogs(t *testing.T, dir string) string {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(dir, "*", "log.jsonl"))
	if err != nil || len(paths) != 4 {
		t.Fatalf("logs %v, %v", paths, err)
	}
	var all strings.Builder
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		all.Write(text)
	}
	return all.String()
}

func TestDivergedContenderIsRecordedAndTheRestGoesOn(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "compared")
	args := with([]string{"compare", "--json", "sgd:learning-rate=1e38", "sgd", "--dir", dir}, tiny...)
	r := succeed(t, args...)
	all := objects(t, r.stdout)
	if reports := ofType(all, "report"); len(reports) != 1 || r.stderr != "" {
		t.Errorf("%d reports, standard error %q", len(reports), r.stderr)
	}
	groups := summaries(t, dir)
	if groups["sgd:learning-rate=1e38"]["diverged"] != 1.0 || groups["sgd"]["diverged"] != 0.0 {
		t.Errorf("summaries %v", groups)
	}
	if got := record(t, filepath.Join(dir, "sgd-seed1")); got.Log.End.Status != runlog.StatusFinished {
		t.Errorf("the contender after the diverged one: %+v", got.Log.End)
	}
	if again := succeed(t, args...); strings.Count(again.stdout, "done already") != 1 || !strings.Contains(again.stdout, "diverged already") {
		t.Errorf("the second time: %s", again.stdout)
	}
}
