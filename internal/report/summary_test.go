package report

import (
	"bytes"
	"encoding/json"
	"errors"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/kafisto/kafisto/internal/runlog"
)

// handLog is a log small enough to compute by hand: losses 1 to n, steps of
// 1, 2, 3, ... hundredths of a second.
func handLog(n int, errors ...float64) *runlog.Log {
	log := &runlog.Log{}
	for i := 1; i <= n; i++ {
		log.Steps = append(log.Steps, runlog.Step{
			Step: int64(i), Epoch: float64(i) / 10, Loss: float64(i), LearningRate: [3]float64{1, 1, 1}, Seconds: float64(i) / 100,
		})
	}
	for i, e := range errors {
		log.Evals = append(log.Evals, runlog.Eval{Step: int64(i + 1), Epoch: float64(i), Split: runlog.Validation, Loss: e / 10, Top1Error: e, Seconds: 1})
	}
	log.End = &runlog.End{Status: runlog.StatusFinished, Step: int64(n)}
	return log
}

func near(t *testing.T, what string, got, want float64) {
	t.Helper()
	if math.Abs(got-want) > 1e-12*math.Max(1, math.Abs(want)) {
		t.Errorf("%s: got %v, want %v", what, got, want)
	}
}

func TestSummarizeAgainstHandNumbers(t *testing.T) {
	other := handLog(100, 50, 14)
	other.Evals = append(other.Evals, runlog.Eval{Split: "test", Top1Error: 1, Loss: 0.1, Seconds: 1}) // not validation
	s := Summarize(Report{Runs: []Run{
		{Label: "a1", Group: "a", Seed: 1, Log: handLog(100, 30, 8, 10)},
		{Label: "b1", Group: "b", Seed: 7, Log: handLog(3, 5)},
		{Label: "a2", Group: "a", Seed: 2, Log: other},
	}})
	if len(s) != 2 || s[0].Group != "a" || s[1].Group != "b" || len(s[0].Seeds) != 2 || s[0].Seeds[1] != 2 {
		t.Fatalf("groups: %+v", s)
	}
	near(t, "final error", s[0].FinalError.Mean, 12) // 10 and 14
	near(t, "final error sd", s[0].FinalError.SD, math.Sqrt(8))
	near(t, "best error", s[0].BestError.Mean, 11) // 8 and 14
	near(t, "final loss", s[0].FinalLoss.Mean, 1.2)
	near(t, "best loss", s[0].BestLoss.Mean, 1.1)
	near(t, "training loss", s[0].TrainingLoss.Mean, 75.5) // mean of 51 to 100
	near(t, "training loss sd", s[0].TrainingLoss.SD, 0)
	near(t, "step seconds", s[0].StepSeconds.Mean, 0.505)      // median of 0.01 to 1.00
	near(t, "total seconds", s[0].TotalSeconds.Mean, 50.5+3)   // both have 3 evaluations
	near(t, "three steps' loss", s[1].TrainingLoss.Mean, 2)    // fewer than the window
	near(t, "three steps' median", s[1].StepSeconds.Mean, .02) // odd number
	if s[1].FinalError.N != 1 || !math.IsNaN(s[1].FinalError.SD) {
		t.Errorf("one seed has no deviation: %+v", s[1].FinalError)
	}
}

func TestHeadlineSaysHowFewSeeds(t *testing.T) {
	runs := func(images int, errors ...float64) (all []Run) {
		for i, e := range errors {
			log := handLog(3, e)
			log.Evals[0].Examples = images
			all = append(all, Run{Label: string(rune('a' + i)), Log: log})
		}
		return all
	}
	for want, all := range map[string][]Run{
		"Lowest final top-1 error: b with 12.30 % (one seed: wrong in 4 of 2000 images fewer than a).": runs(2000, 12.5, 12.3, 40),
		"Lowest final top-1 error: a and b with 12.30 % (one seed).":                                   runs(2000, 12.3, 12.3, 40),
		"Lowest final top-1 error: a with 10.00 % (one seed).":                                         runs(0, 10, 11),
		"Lowest final top-1 error: a with 10.00 ± 0.00 % over 2 seeds.":                                append(runs(100, 10, 11), runs(100, 10)...),
		"": runs(100, 10),
	} {
		if got := headline(Summarize(Report{Runs: all})); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

func TestDivergedRunsAreCountedNotAveraged(t *testing.T) {
	lost := handLog(5, 90)
	lost.End.Status, lost.End.Message = runlog.StatusDiverged, "the loss at step 5 is not finite"
	killed := handLog(5, 90) // no end record, last loss not a number
	killed.End = nil
	killed.Steps[4].Loss = math.NaN()
	running := handLog(5, 20)
	running.End = nil
	r := Report{Runs: []Run{
		{Label: "1", Group: "g", Log: handLog(5, 10)}, {Label: "2", Group: "g", Log: lost},
		{Label: "3", Group: "g", Log: killed}, {Label: "4", Group: "g", Log: running},
		{Label: "5", Group: "worse", Log: handLog(5, 40)}, {Label: "6", Group: "gone", Log: lost},
	}}
	s := Summarize(r)
	if s[0].Diverged != 2 || s[0].Unfinished != 1 || len(s[0].Seeds) != 4 || s[0].FinalError.N != 2 {
		t.Errorf("counts: %+v", s[0])
	}
	near(t, "mean of the survivors", s[0].FinalError.Mean, 15)
	var table bytes.Buffer
	if err := WriteTable(&table, r); err != nil {
		t.Fatal(err)
	}
	for _, line := range strings.Split(table.String(), "\n") {
		switch {
		case strings.HasPrefix(line, "g "):
			if !strings.Contains(line, "4 (2 diverged, 1 unfinished)") || strings.Contains(line, "*") {
				t.Errorf("a group that lost runs is never the best: %q", line)
			}
		case strings.HasPrefix(line, "worse"):
			if !strings.Contains(line, "40.00 ± –*") {
				t.Errorf("best of those that did not diverge: %q", line)
			}
		case strings.HasPrefix(line, "gone"):
			if strings.Count(line, "diverged") != 1+len(shownColumns(s)) {
				t.Errorf("diverged cells: %q", line)
			}
		}
	}
}

func TestTableIsAligned(t *testing.T) {
	var b bytes.Buffer
	if err := WriteTable(&b, demo(3)); err != nil {
		t.Fatal(err)
	}
	var ends []int
	for _, line := range strings.Split(b.String(), "\n") {
		if strings.Contains(line, "±") && !strings.Contains(line, "Mean") {
			ends = append(ends, len([]rune(line[:strings.Index(line, "±")])))
		}
	}
	if len(ends) != 3 || ends[0] != ends[1] || ends[1] != ends[2] {
		t.Errorf("columns do not line up at %v:\n%s", ends, b.String())
	}
}

func TestOneSeedTable(t *testing.T) {
	var b bytes.Buffer
	if err := WriteTable(&b, demo(1)); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(b.String(), "±") || !strings.Contains(b.String(), "no standard deviation") {
		t.Errorf("one seed each:\n%s", b.String())
	}
}

func TestIsJSON(t *testing.T) {
	dir := t.TempDir()
	if IsJSON(dir) || IsJSON(filepath.Join(dir, "none")) {
		t.Error("a folder, or what is not there, is taken for a report")
	}
	for text, want := range map[string]bool{
		writtenBy(t, func(w *bytes.Buffer) error { return WriteJSON(w, demo(1)) }): true,
		"": false, "[]": false, `{"type": "mine"}`: false, `{"title": "", "type": "report"}`: false,
	} {
		path := filepath.Join(dir, "file")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if IsJSON(path) != want {
			t.Errorf("%.40q: a report's is %t", text, !want)
		}
	}
}

func TestWriteJSON(t *testing.T) {
	r := demo(2)
	r.Runs = append(r.Runs, Run{Label: "lost", Group: "lost", Log: divergedFixture(9)})
	var b bytes.Buffer
	if err := WriteJSON(&b, r); err != nil {
		t.Fatal(err)
	}
	var got struct {
		Type, Created string
		Summary       []struct {
			Group    string
			Diverged int
			Final    struct{ Mean, SD *float64 } `json:"final_top1_error"`
		}
		Runs []struct {
			Status, Message string
			Final           *float64 `json:"final_top1_error"`
			Training        *float64 `json:"training_loss"`
		}
	}
	if err := json.Unmarshal(b.Bytes(), &got); err != nil {
		t.Fatal(err)
	}
	if got.Type != "report" || got.Created != "2026-05-04T03:02:01Z" || len(got.Summary) != 4 || len(got.Runs) != 7 {
		t.Fatalf("got %+v", got)
	}
	near(t, "mean", *got.Summary[0].Final.Mean, Summarize(r)[0].FinalError.Mean)
	near(t, "sd", *got.Summary[0].Final.SD, Summarize(r)[0].FinalError.SD)
	last := got.Runs[6]
	if got.Summary[3].Final.Mean != nil || last.Status != statusDiverged || last.Message == "" || last.Final != nil || last.Training == nil {
		t.Errorf("diverged run: %+v", last)
	}
}

func TestNothingToReport(t *testing.T) {
	dir := t.TempDir()
	for name, c := range map[string]struct {
		report Report
		want   string
	}{
		"no runs":   {Report{}, "no runs"},
		"no log":    {Report{Runs: []Run{{Label: "x"}}}, `run 1 ("x") has no log`},
		"empty log": {Report{Runs: []Run{{Label: "x", Log: handLog(3)}, {Label: "y", Log: &runlog.Log{}}}}, `run 2 ("y") holds no step`},
	} {
		_, figures := WriteFigures(dir, c.report)
		for _, err := range []error{
			WriteTable(&bytes.Buffer{}, c.report), WriteJSON(&bytes.Buffer{}, c.report),
			WriteHTML(dir+"/report.html", c.report), WriteEvaluations(&bytes.Buffer{}, c.report), figures,
		} {
			if err == nil || !strings.HasPrefix(err.Error(), "report: ") || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%s: got %v", name, err)
			}
		}
	}
}

type brokenWriter struct{}

func (brokenWriter) Write([]byte) (int, error) { return 0, errors.New("disk full") }

func TestWriterErrorsAreReported(t *testing.T) {
	if err := WriteTable(brokenWriter{}, demo(1)); err == nil || !strings.Contains(err.Error(), "disk full") {
		t.Errorf("table: %v", err)
	}
	if err := WriteJSON(brokenWriter{}, demo(1)); err == nil || !strings.Contains(err.Error(), "disk full") {
		t.Errorf("json: %v", err)
	}
	if err := WriteEvaluations(brokenWriter{}, demo(1)); err == nil || !strings.Contains(err.Error(), "disk full") {
		t.Errorf("evaluations: %v", err)
	}
	r := demo(1)
	r.Runs[0].Settings["rate"] = math.NaN()
	if err := WriteJSON(&bytes.Buffer{}, r); err == nil || !strings.Contains(err.Error(), "setting") {
		t.Errorf("a setting that JSON cannot hold: %v", err)
	}
}
