package experiment

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/kafisto/kafisto/internal/job"
	"github.com/kafisto/kafisto/internal/runlog"
	"github.com/kafisto/kafisto/internal/train"
)

// console counts the steps that are trained.
type console struct {
	mu    sync.Mutex
	steps int
	each  func(steps int)
}

func (*console) Begin(int64, int64) {}
func (c *console) Step(runlog.Step) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.steps++
	if c.each != nil {
		c.each(c.steps)
	}
}
func (*console) Eval(runlog.Eval) {}
func (*console) Message(string)   {}
func (*console) End()             {}

// options are those of a grid in dir on the Go engine.
func options(t *testing.T, dir string, c *console) Options {
	return Options{Dir: dir, Engine: "go", Message: func(text string) { t.Log(text) },
		Job: func(string) job.Options { return job.Options{Offline: true, Console: c} }}
}

// newGrid opens a results folder for the tiny grid.
func newGrid(t *testing.T, dir string) *Grid {
	t.Helper()
	g, err := NewGrid([]Declaration{parse(t, tiny)}, Short, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := Open(dir, Short); err != nil {
		t.Fatal(err)
	}
	return g
}

// TestRun does a grid, and again: nothing is left to do, and a cell that diverged
// is a result.
func TestRun(t *testing.T) {
	dir := t.TempDir()
	g, c := newGrid(t, dir), &console{}
	o := options(t, dir, c)
	if err := g.FindData(t.Context(), o); err != nil {
		t.Fatal(err)
	}
	if err := g.Run(t.Context(), o); err != nil {
		t.Fatal(err)
	}
	done := c.steps
	if done < 2*6+2 || done > 2*6+2*6-1 { // six steps a run, of two seeds; the others diverge before
		t.Errorf("%d steps", done)
	}
	before := files(t, dir)
	if err := newGrid(t, dir).Run(t.Context(), o); err != nil {
		t.Fatal(err)
	}
	if after := files(t, dir); c.steps != done || !equal(before, after) {
		t.Errorf("a second run did %d steps", c.steps-done)
	}
	results, err := g.Results(dir)
	if err != nil {
		t.Fatal(err)
	}
	table := results[0].Table()
	first, second, absent := table.Rows[0].Cells[0], table.Rows[1].Cells[0], table.Rows[2].Cells[0]
	if len(first.Ours) != 2 || *first.Paper != 1.5 || first.Missing != "" || first.Ours[0] <= 0 || first.Ours[0] > 100 {
		t.Errorf("the first cell is %+v", first)
	}
	if second.Diverged != 2 || !second.PaperDiverged || len(second.Ours) != 0 {
		t.Errorf("the cell that diverges is %+v", second)
	}
	if absent.Paper != nil || absent.Ours != nil || len(table.Rows[2].Runs) != 0 {
		t.Errorf("the cell that the paper does not have is %+v", absent)
	}
	if !strings.Contains(table.Settings, "batch-size=16, epochs=2, ") || table.Rows[1].Settings != "learning-rate=1000000000" {
		t.Errorf("settings %q, of the second row %q", table.Settings, table.Rows[1].Settings)
	}
	if !strings.Contains(table.Scaled, "two epochs") || len(table.Seeds) != 2 {
		t.Errorf("scaled %q, seeds %v", table.Scaled, table.Seeds)
	}
}

// TestStopAndGoOn stops a grid in the middle of a run; what the same grid makes of
// it is what an uninterrupted one makes.
func TestStopAndGoOn(t *testing.T) {
	whole, stopped := t.TempDir(), t.TempDir()
	c := &console{}
	if err := newGrid(t, whole).Run(t.Context(), options(t, whole, c)); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	again := &console{each: func(steps int) {
		if steps == 4 {
			cancel()
		}
	}}
	if err := newGrid(t, stopped).Run(ctx, options(t, stopped, again)); !errors.Is(err, train.ErrStopped) {
		t.Fatalf("stopped with %v", err)
	}
	results, err := newGrid(t, stopped).Results(stopped)
	if err != nil {
		t.Fatal(err)
	}
	if missing := results[0].Table().Rows[0].Cells[0].Missing; missing != "in progress (step 4 of 6), not run" {
		t.Errorf("the stopped cell reads %q", missing)
	}
	if err := newGrid(t, stopped).Run(t.Context(), options(t, stopped, again)); err != nil {
		t.Fatal(err)
	}
	if again.steps != c.steps {
		t.Errorf("%d steps in two parts, %d at once", again.steps, c.steps)
	}
	sameResults(t, whole, stopped)
}

// sameResults compares the losses and evaluations of all runs bit for bit.
func sameResults(t *testing.T, a, b string) {
	t.Helper()
	g := newGrid(t, a)
	for _, c := range g.Runs() {
		var logs []*runlog.Log
		for _, dir := range []string{a, b} {
			log, err := runlog.Read(filepath.Join(dir, RunsFolder, c.Folder, train.LogFile))
			if err != nil {
				t.Fatal(err)
			}
			logs = append(logs, log)
		}
		if len(logs[0].Steps) != len(logs[1].Steps) || len(logs[0].Evals) != len(logs[1].Evals) {
			t.Fatalf("%s: %d and %d steps, %d and %d evaluations", c.Folder, len(logs[0].Steps), len(logs[1].Steps), len(logs[0].Evals), len(logs[1].Evals))
		}
		for i, step := range logs[0].Steps {
			if step.Loss != logs[1].Steps[i].Loss {
				t.Errorf("%s, step %d: losses %v and %v", c.Folder, i+1, step.Loss, logs[1].Steps[i].Loss)
			}
		}
		for i, e := range logs[0].Evals {
			if e.Loss != logs[1].Evals[i].Loss || e.Top1Error != logs[1].Evals[i].Top1Error {
				t.Errorf("%s: evaluations %+v and %+v", c.Folder, e, logs[1].Evals[i])
			}
		}
	}
}

// TestTwoShareAFolder runs the grid twice at once: every run is done once.
func TestTwoShareAFolder(t *testing.T) {
	alone, shared := t.TempDir(), t.TempDir()
	c := &console{}
	if err := newGrid(t, alone).Run(t.Context(), options(t, alone, c)); err != nil {
		t.Fatal(err)
	}
	both := &console{}
	var wg sync.WaitGroup
	for range 2 {
		g, o := newGrid(t, shared), options(t, shared, both)
		wg.Go(func() {
			if err := g.Run(t.Context(), o); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if both.steps != c.steps {
		t.Errorf("%d steps together, %d alone", both.steps, c.steps)
	}
	sameResults(t, alone, shared)
}

// TestNoData: cells of a data set that is not there are left out, and a grid of
// nothing else is refused.
func TestNoData(t *testing.T) {
	dir := t.TempDir()
	mixed := parse(t, strings.Replace(tiny, `{"optimizer": "sgd"}, "paper"`, `{"optimizer": "sgd", "dataset": "cifar100"}, "paper"`, 1))
	g, err := NewGrid([]Declaration{mixed}, Short, []int64{1})
	if err != nil {
		t.Fatal(err)
	}
	c := &console{}
	o := options(t, dir, c)
	o.DataDir = t.TempDir()
	if err := g.FindData(t.Context(), o); err != nil {
		t.Fatal(err)
	}
	if err := g.Run(t.Context(), o); err != nil {
		t.Fatal(err)
	}
	results, err := g.Results(dir)
	if err != nil {
		t.Fatal(err)
	}
	rows := results[0].Table().Rows
	if rows[0].Cells[0].Missing != "no data" || rows[1].Cells[0].Diverged != 1 {
		t.Errorf("rows %+v", rows)
	}
	mixed.Rows = mixed.Rows[:1]
	if g, err = NewGrid([]Declaration{mixed}, Short, nil); err != nil {
		t.Fatal(err)
	}
	if err := g.FindData(t.Context(), o); err == nil || !strings.Contains(err.Error(), "nothing to run") {
		t.Errorf("no data at all: %v", err)
	}
}

// files are a folder's files and what they hold, but for locks and for who went on
// with a run.
func files(t *testing.T, dir string) map[string]string {
	t.Helper()
	all := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, entry os.DirEntry, err error) error {
		if err != nil || entry.IsDir() || entry.Name() == "lock" || entry.Name() == job.AboutFile {
			return err
		}
		text, err := os.ReadFile(path)
		all[path] = string(text)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func equal(a, b map[string]string) bool {
	for path, text := range a {
		if b[path] != text {
			return false
		}
	}
	return len(a) == len(b)
}
