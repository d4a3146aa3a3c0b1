package cli

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/kafisto/kafisto/internal/experiment"
	"github.com/kafisto/kafisto/internal/job"
)

// tinyGrid is a declaration of four runs of 9 steps on the embedded images: two
// tables would share the first.
const tinyGrid = `{
  "name": "tiny", "title": "Two rates", "caption": "a test", "seeds": 1,
  "settings": {"train-examples": 48, "eval-examples": 50, "batch-size": 16, "epochs": 3, "save-every": 2, "loss-bound": 1000, "augment": true},
  "short": {}, "short-note": "48 images",
  "keys": ["optimizer"], "measures": ["top1-error", "loss"],
  "rows": [
    {"keys": ["KaFiStO"], "settings": {"optimizer": "kafisto"}, "paper": [1.5, null]},
    {"keys": ["SGD"], "settings": {"optimizer": "sgd"}, "paper": ["diverge", null]}
  ],
  "figure": {"panels": ["training-loss", "validation-error"], "columns": 2, "caption": "Two panels."}}`

// reproduce is the command on the tiny grid.
func reproduce(grid, dir string, more ...string) []string {
	return append([]string{"reproduce", grid, "--dir", dir, "--engine", "go", "--quiet", "--offline"}, more...)
}

// TestReproduce runs a grid and finds everything that it promises in its folder.
func TestReproduce(t *testing.T) {
	grid, dir := write(t, "tiny.json", tinyGrid), filepath.Join(t.TempDir(), "results")
	r := succeed(t, reproduce(grid, dir)...)
	for _, want := range []string{"SCALED DOWN: 48 images", "KaFiStO", "ours (scaled down)", "1.50", "diverged", "(2)"} {
		if !strings.Contains(r.stdout, want) {
			t.Errorf("the table lacks %q:\n%s", want, r.stdout)
		}
	}
	for _, name := range []string{"experiment.json", "tables.md", "report.json", "report.html", "figures/tiny.png", "figures/tiny.svg"} {
		if info, err := os.Stat(filepath.Join(dir, name)); err != nil || info.Size() == 0 {
			t.Errorf("%s: %v", name, err)
		}
	}
	noLeftovers(t, dir)
	var report struct {
		Tables []struct {
			Rows []struct {
				Cells []struct{ Ours []float64 }
				Runs  []string
			}
		}
	}
	text, err := os.ReadFile(filepath.Join(dir, "report.json"))
	if err == nil {
		err = json.Unmarshal(text, &report)
	}
	if err != nil || len(report.Tables) != 1 || len(report.Tables[0].Rows) != 2 {
		t.Fatalf("report.json: %v, %+v", err, report)
	}
	for _, row := range report.Tables[0].Rows {
		for i, folder := range row.Runs {
			run := record(t, filepath.Join(dir, experiment.RunsFolder, folder))
			evals := run.Log.Evals
			if got := row.Cells[0].Ours[i]; got != evals[len(evals)-1].Top1Error || run.Log.End.Step != 9 {
				t.Errorf("%s: %g in the report, the log ends with %+v", folder, got, evals[len(evals)-1])
			}
		}
	}
	more := write(t, "more.json", strings.Replace(tinyGrid, `"rows": [`, `"rows": [
    {"keys": ["elsewhere"], "settings": {"dataset": "cifar100"}},`, 1))
	again := succeed(t, reproduce(more, dir, "--report-only", "--data-dir", t.TempDir())...)
	if !strings.Contains(again.stdout, "1.50") || !strings.Contains(again.stdout, "no data") {
		t.Errorf("the report alone: %s", again.stdout)
	}
}

// TestReproduceDryRun lists all cells with what is known of them, and changes nothing.
func TestReproduceDryRun(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "results")
	grid := write(t, "tiny.json", tinyGrid)
	r := succeed(t, reproduce(grid, dir, "--dry-run")...)
	for _, want := range []string{"KaFiStO", "1,2", "not run", "2 cells in 2 rows", "4 runs in all, each done once: 0 done, 0 without data, 4 left, about", "diverge"} {
		if !strings.Contains(r.stdout, want) {
			t.Errorf("the list lacks %q:\n%s", want, r.stdout)
		}
	}
	if _, err := os.Stat(dir); !os.IsNotExist(err) {
		t.Errorf("the folder was made (%v)", err)
	}
	planned := ofType(objects(t, succeed(t, reproduce(grid, dir, "--dry-run", "--json")...).stdout), "run")
	if len(planned) != 4 || planned[0]["state"] != "not run" || planned[0]["estimated_seconds"].(float64) <= 0 {
		t.Errorf("planned %v", planned)
	}
}

func TestReproduceRefuses(t *testing.T) {
	grid := write(t, "tiny.json", tinyGrid)
	other := t.TempDir()
	if err := os.WriteFile(filepath.Join(other, "settings.json"), []byte("{}"), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		args []string
		code int
		want string
	}{
		{[]string{"reproduce", "table1"}, exitUsage, `no experiment "table1"`},
		{[]string{"reproduce", grid, "--profile", "tiny"}, exitUsage, `unknown profile "tiny"`},
		{[]string{"reproduce", grid, "--seeds", "1,1"}, exitUsage, "given twice"},
		{[]string{"reproduce", grid, grid}, exitUsage, "given twice"},
		{[]string{"reproduce", grid, "--engine", "tpu"}, exitUsage, "tpu"},
		{[]string{"reproduce", filepath.Join(other, "none.json")}, exitUsage, "cannot read the declaration"},
		{[]string{"reproduce", write(t, "bad.json", strings.Replace(tinyGrid, `"optimizer": "sgd"`, `"optimiser": "sgd"`, 1))}, exitUsage, `unknown setting "optimiser"`},
		{reproduce(grid, other), exitFailed, "not a results folder"},
		{reproduce(grid, filepath.Join(other, "none"), "--report-only"), exitFailed, "there are no results"},
		{[]string{"reproduce", "table2", "--offline", "--data-dir", other, "--dir", filepath.Join(other, "r")}, exitFailed, "nothing to run"},
	} {
		r := run(t, c.args...)
		if r.code != c.code || !strings.Contains(r.stderr, c.want) || strings.Contains(r.stderr, "panic") {
			t.Errorf("kafisto %s: exit code %d, %q; want %d and %q", strings.Join(c.args, " "), r.code, r.stderr, c.code, c.want)
		}
	}
}

// results are the losses and evaluations of all runs of a results folder.
func results(t *testing.T, dir string) map[string]string {
	t.Helper()
	entries, err := os.ReadDir(filepath.Join(dir, experiment.RunsFolder))
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]string{}
	for _, entry := range entries {
		run := record(t, filepath.Join(dir, experiment.RunsFolder, entry.Name()))
		var b bytes.Buffer
		for _, step := range run.Log.Steps {
			step.Seconds = 0
			_ = json.NewEncoder(&b).Encode(step)
		}
		for _, eval := range run.Log.Evals {
			eval.Seconds = 0
			_ = json.NewEncoder(&b).Encode(eval)
		}
		all[entry.Name()] = b.String()
	}
	return all
}

// starts counts the processes that have worked on the runs of a results folder.
func starts(t *testing.T, dir string) (n int) {
	t.Helper()
	entries, err := os.ReadDir(filepath.Join(dir, experiment.RunsFolder))
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range entries {
		var r job.Record = record(t, filepath.Join(dir, experiment.RunsFolder, entry.Name()))
		n += len(r.Log.Starts)
	}
	return n
}
