package experiment

import (
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/kafisto/kafisto/internal/job"
	"github.com/kafisto/kafisto/internal/runlog"
)

// done is a finished run of three steps with an evaluation after each.
func done(evals ...runlog.Eval) Finished {
	var f Finished
	f.State = job.State{Done: true, Step: 3, Steps: 3, Record: &job.Record{Log: &runlog.Log{Evals: evals}}}
	return f
}

// languageRun is a finished run of a language model, whose validation is the best
// after the second step.
func languageRun() Finished {
	var evals []runlog.Eval
	for i, pair := range [][2]float64{{300, 290}, {110, 105.5}, {112, 104}} {
		for j, split := range []string{runlog.Validation, runlog.Test} {
			evals = append(evals, runlog.Eval{Step: int64(i + 1), Split: split, Loss: math.Log(pair[j]), Perplexity: pair[j], UnigramPerplexity: 645.9})
		}
	}
	return done(evals...)
}

// imageRun is a finished run that classifies images.
func imageRun() Finished {
	return done(runlog.Eval{Step: 3, Split: runlog.Validation, Loss: 0.5, Top1Error: 12, Top5Error: 3})
}

// ganRun is a finished run of a generative adversarial network.
func ganRun() Finished {
	distance := 31.5
	return done(runlog.Eval{Step: 3, Split: runlog.Validation, Loss: -4, GAN: &runlog.GAN{Wasserstein: 4, Generated: 9, Frechet: &distance}})
}

func TestMeasures(t *testing.T) {
	nothing := map[string]float64{}
	for i, c := range []struct {
		run  Finished
		want map[string]float64
	}{
		{languageRun(), map[string]float64{"loss": math.Log(112), "perplexity": 112, "test-perplexity": 105.5}},
		{imageRun(), map[string]float64{"loss": 0.5, "top1-error": 12, "top5-error": 3}},
		{ganRun(), map[string]float64{"frechet": 31.5}},
		{done(), nothing},
		{Finished{}, nothing},
	} {
		for _, name := range MeasureNames() {
			want, has := c.want[name]
			if got, ok := measures[name].of(c.run); ok != has || ok && got != want {
				t.Errorf("run %d: %s is %v, %v, want %v, %v", i+1, name, got, ok, want, has)
			}
		}
	}
}

func TestCellOfWhatWasNotMeasured(t *testing.T) {
	started := languageRun()
	started.State.Done = false
	lost := languageRun()
	lost.State.Diverged = true
	c := newCell([]Finished{imageRun(), imageRun(), languageRun(), started, lost}, measures["test-perplexity"])
	if !slices.Equal(c.Ours, []float64{105.5}) || c.Diverged != 1 || c.Missing != "not measured, in progress (step 3 of 3)" {
		t.Errorf("%+v", c)
	}
}

// TestTableOfLanguageModels: the table says what its numbers have to be below, and
// leaves out the columns that are for the full profile.
func TestTableOfLanguageModels(t *testing.T) {
	d := mustByName(t, "table9")
	f := languageRun()
	f.Settings.Dataset = "ptb"
	table := Result{Declaration: d, Profile: Short, Runs: []Finished{f}}.Table()
	if got := table.Rows[0].Cells; !slices.Equal(got[0].Ours, []float64{105.5}) || got[1].Ours != nil || *got[1].Paper != 216.62 {
		t.Errorf("cells %+v", got)
	}
	if !slices.Equal(table.Measures, []string{"test perplexity, Penn Treebank", "test perplexity, WikiText-2"}) {
		t.Errorf("heads %q", table.Measures)
	}
	notes := strings.Join(table.Notes, "\n")
	for _, want := range []string{"at the lowest validation loss", "Penn Treebank (words): guessing words by how often they are in the training text has test perplexity 645.9.", "The paper leaves open"} {
		if !strings.Contains(notes, want) {
			t.Errorf("notes %q lack %q", notes, want)
		}
	}
}

func TestFullOnlyColumns(t *testing.T) {
	alone := strings.Replace(tiny, `"rows": [`, `"columns": [{"title": "all", "full-only": true}], "rows": [`, 1)
	if _, err := Parse(strings.NewReader(alone)); err == nil || !strings.Contains(err.Error(), "has no cells where it is short") {
		t.Errorf("a declaration of nothing when scaled down: %v", err)
	}
}

// TestKindsOfSteps: what a step costs depends on what is read at once.
func TestKindsOfSteps(t *testing.T) {
	s := job.Defaults()
	s.Dataset, s.Model = "ptb", "tiny-lstm"
	longer, larger := s, s
	longer.Window, larger.Dataset = 70, "wikitext-2"
	if a, b, c := kind(s), kind(longer), kind(larger); a == b || a == c || b == c {
		t.Errorf("the same kind: %q, %q, %q", a, b, c)
	}
	s.BatchSize, s.Window = 20, 35
	if got, want := evaluationSteps(s, 1327), float64(73760+82430)/700/3; math.Abs(got-want) > 1e-9 {
		t.Errorf("an epoch's evaluations are %v steps, want %v", got, want)
	}
	s.EvalExamples = 700
	if got := evaluationSteps(s, 1327); math.Abs(got-2.0/3) > 1e-9 {
		t.Errorf("evaluations of 700 words of both texts are %v steps", got)
	}
}
