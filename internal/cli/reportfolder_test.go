package cli

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestForeignFolderGetsNoReport: what a report would write over is another's, and stays
// alone; nothing is trained first.
func TestForeignFolderGetsNoReport(t *testing.T) {
	runs := t.TempDir()
	makeRun(t, filepath.Join(runs, "a"), "cifar10", 2)
	for command, args := range map[string][]string{
		"report":  {"report", runs, "--out"},
		"compare": with([]string{"compare", "sgd", "--quiet"}, with(tiny, "--dir")...),
	} {
		for _, name := range []string{reportPage, reportJSON, evaluationsFile, figuresFolder} {
			dir := t.TempDir()
			if err := os.WriteFile(filepath.Join(dir, name), []byte(`{"type": "mine"}`), 0o644); err != nil {
				t.Fatal(err)
			}
			r := run(t, with(args, dir)...)
			if r.code != exitFailed || !strings.Contains(r.stderr, "holds "+name) || strings.Count(r.stderr, "\n") != 1 {
				t.Errorf("%s, %s: exit code %d, %q", command, name, r.code, r.stderr)
			}
			text, err := os.ReadFile(filepath.Join(dir, name))
			if entries, _ := os.ReadDir(dir); string(text) != `{"type": "mine"}` || len(entries) != 1 {
				t.Errorf("%s, %s: %q (%v) beside %d entries", command, name, text, err, len(entries)-1)
			}
		}
	}
}

// TestReportIsWrittenAgain: into the folder of a run, and over the program's own report.
func TestReportIsWrittenAgain(t *testing.T) {
	run, out := filepath.Join(t.TempDir(), "run"), filepath.Join(t.TempDir(), "out")
	makeRun(t, run, "cifar10", 2)
	for _, dir := range []string{run, out} {
		for range 2 {
			succeed(t, "report", run, "--out", dir)
		}
		entries, err := os.ReadDir(dir)
		if page := slices.ContainsFunc(entries, func(e os.DirEntry) bool { return e.Name() == reportPage }); err != nil || !page {
			t.Errorf("%s: no page (%v)", dir, err)
		}
		if err := os.Remove(filepath.Join(dir, reportPage)); err != nil { // as if it had been killed before that
			t.Fatal(err)
		}
		succeed(t, "report", run, "--out", dir)
	}
}
