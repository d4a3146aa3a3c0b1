package report

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/kafisto/kafisto/internal/runlog"
)

// Unigram perplexities of the language models here.
const validationUnigram, testUnigram = 688.2, 645.9

// languageLog is a log of a language model with these perplexities, a pair of
// validation and test for each epoch of 10 steps.
func languageLog(pairs ...[2]float64) *runlog.Log {
	log := handLog(10 * len(pairs))
	for i, pair := range pairs {
		for j, split := range []string{runlog.Validation, runlog.Test} {
			log.Evals = append(log.Evals, runlog.Eval{
				Type: runlog.TypeEval, Step: int64(10 * (i + 1)), Epoch: float64(i + 1), Split: split, Loss: math.Log(pair[j]),
				Perplexity: pair[j], UnigramPerplexity: []float64{validationUnigram, testUnigram}[j], Examples: 73760, Seconds: 1,
			})
		}
	}
	return log
}

// languages is a report of two language models.
func languages() Report {
	return Report{Title: "kafisto and sgd on Penn Treebank", Runs: []Run{
		{Label: "kafisto seed 1", Group: "kafisto", Seed: 1, Log: languageLog([2]float64{500, 480}, [2]float64{110, 105.5}, [2]float64{112, 104})},
		{Label: "sgd seed 1", Group: "sgd", Seed: 1, Log: languageLog([2]float64{600, 580}, [2]float64{210, 200.25}, [2]float64{207, 201})},
	}}
}

// writtenBy is what a writer of reports writes.
func writtenBy(t *testing.T, write func(w *bytes.Buffer) error) string {
	t.Helper()
	var b bytes.Buffer
	if err := write(&b); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestTestPerplexityIsThatAtTheBestValidation(t *testing.T) {
	s := Summarize(languages())
	near(t, "final", s[0].FinalPerplexity.Mean, 112)
	near(t, "best", s[0].BestPerplexity.Mean, 110)
	near(t, "test at the best, not the lowest", s[0].TestPerplexity.Mean, 105.5)
	near(t, "test", s[1].TestPerplexity.Mean, 201)
	if s[0].FinalError.N != 0 || s[0].BestError.N != 0 || s[0].Examples != 73760 {
		t.Errorf("a language model has no error: %+v", s[0])
	}
	r := languages()
	r.Runs[0].Log.Evals = slices.DeleteFunc(r.Runs[0].Log.Evals, func(e runlog.Eval) bool { return e.Split == runlog.Test && e.Step == 20 })
	if s := Summarize(r); s[0].TestPerplexity.N != 0 {
		t.Errorf("a test perplexity that was not measured: %+v", s[0].TestPerplexity)
	}
}

func TestPerplexityHeadline(t *testing.T) {
	several := languages()
	several.Runs = append(several.Runs, Run{Label: "kafisto seed 2", Group: "kafisto", Seed: 2, Log: languageLog([2]float64{112, 107.5})})
	equal := languages()
	equal.Runs[1].Log = languageLog([2]float64{110, 106})
	valid := languages()
	for _, run := range valid.Runs {
		run.Log.Evals = slices.DeleteFunc(run.Log.Evals, func(e runlog.Eval) bool { return e.Split == runlog.Test })
	}
	alone := languages()
	alone.Runs = alone.Runs[:1]
	both := languages()
	for _, run := range demo(1).Runs {
		run.Group = "small-cnn, " + run.Group
		both.Runs = append(both.Runs, run)
	}
	for want, r := range map[string]Report{
		"Lowest validation perplexity: kafisto with 110.00, test perplexity 105.50 (one seed).":                    languages(),
		"Lowest validation perplexity: kafisto with 111.00 ± 1.41, test perplexity 106.50 ± 1.41 over 2 seeds.":    several,
		"Lowest validation perplexity: kafisto and sgd with 110.00, test perplexity 105.50 and 106.00 (one seed).": equal,
		"Lowest validation perplexity: kafisto with 110.00 (one seed).":                                            valid,
		"": alone,
	} {
		if got := headline(Summarize(r)); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
	if got := headline(Summarize(both)); !strings.Contains(got, "top-1 error") || !strings.Contains(got, "images fewer than") || !strings.Contains(got, "Lowest validation perplexity: kafisto with 110.00") {
		t.Errorf("of both tasks: %q", got)
	}
}

func TestLanguageTable(t *testing.T) {
	table := writtenBy(t, func(w *bytes.Buffer) error { return WriteTable(w, languages()) })
	for _, want := range []string{
		"final perplexity", "best perplexity", "test perplexity", "110.00*", "105.50*", "207.00",
		"Test perplexity: at the lowest validation loss.",
		"Guessing words by how often they are in the training text has perplexity 688.2 (validation) and 645.9 (test).",
	} {
		if !strings.Contains(table, want) {
			t.Errorf("the table lacks %q:\n%s", want, table)
		}
	}
	if strings.Contains(table, "error") {
		t.Errorf("errors of language models:\n%s", table)
	}
	r := languages()
	for i := range r.Runs[1].Log.Evals { // trained on another part of the text
		r.Runs[1].Log.Evals[i].UnigramPerplexity += 10
	}
	if table := writtenBy(t, func(w *bytes.Buffer) error { return WriteTable(w, r) }); !strings.Contains(table, "688.2 to 698.2 (validation)") {
		t.Errorf("two unigram perplexities:\n%s", table)
	}
}

func TestTableOfBothTasksHasDashes(t *testing.T) {
	r := languages()
	lost := languageLog([2]float64{900, 900}) // a language model that diverges
	lost.End.Status = runlog.StatusDiverged
	r.Runs = append(r.Runs, Run{Label: "cnn", Group: "cnn", Log: handLog(3, 12, 11)}, Run{Label: "lost", Group: "lost", Log: lost})
	summaries := Summarize(r)
	if shown := shownColumns(summaries); len(shown) != 9 {
		t.Errorf("%d columns, want the 9 of both tasks", len(shown))
	}
	rows := tableRows(summaries)
	for group, want := range map[int][]string{ // final and best error; final, best and test perplexity
		1: {"– ", "– ", "112.00*", "110.00*", "105.50*"},
		3: {"11.00 ", "11.00 ", "– ", "– ", "– "},
		4: {"– ", "– ", "diverged ", "diverged ", "diverged "},
	} {
		if got := rows[group][2:7]; !slices.Equal(got, want) {
			t.Errorf("%s: %q, want %q", rows[group][0], got, want)
		}
	}
}

func TestLanguageJSON(t *testing.T) {
	var got struct {
		Summary, Runs []map[string]any
	}
	if err := json.Unmarshal([]byte(writtenBy(t, func(w *bytes.Buffer) error { return WriteJSON(w, languages()) })), &got); err != nil {
		t.Fatal(err)
	}
	run := got.Runs[0]
	if run["final_validation_perplexity"] != 112.0 || run["best_validation_perplexity"] != 110.0 || run["test_perplexity"] != 105.5 || run["final_top1_error"] != nil {
		t.Errorf("run %v", run)
	}
	if want := map[string]any{"validation": validationUnigram, "test": testUnigram}; fmt.Sprint(run["unigram_perplexity"]) != fmt.Sprint(want) {
		t.Errorf("unigram perplexities %v, want %v", run["unigram_perplexity"], want)
	}
	if stat, _ := got.Summary[1]["test_perplexity"].(map[string]any); stat["mean"] != 201.0 {
		t.Errorf("summary %v", got.Summary[1])
	}
	if images := writtenBy(t, func(w *bytes.Buffer) error { return WriteJSON(w, demo(1)) }); strings.Contains(images, "perplexity") {
		t.Error("perplexities of images")
	}
}

func TestLanguagePage(t *testing.T) {
	dir := t.TempDir()
	page := html(t, dir, languages())
	for _, want := range []string{
		"Lowest validation perplexity: kafisto with 110.00, test perplexity 105.50 (one seed).",
		">Test perplexity</th>", "Perplexities and losses on the validation split", "perplexity 688.2 (validation) and 645.9 (test)",
		"<h3>Validation perplexity</h3>", "<h3>Test perplexity</h3>", "words by frequency: 688.2", "words by frequency: 645.9",
	} {
		if !strings.Contains(page, want) {
			t.Errorf("the page lacks %q", want)
		}
	}
	if found := regexp.MustCompile(`top-1|images`).FindString(page); found != "" {
		t.Errorf("the page of language models has %q", found)
	}
	paths, err := WriteFigures(filepath.Join(dir, "figures"), languages())
	if err != nil {
		t.Fatal(err)
	}
	names := strings.Join(paths, " ")
	if !strings.Contains(names, "validation-perplexity.png") || !strings.Contains(names, "test-perplexity.svg") || strings.Contains(names, "error") {
		t.Errorf("figures %s", names)
	}
	svg, err := os.ReadFile(filepath.Join(dir, "figures", "validation-perplexity.svg"))
	if err != nil || !bytes.Contains(svg, []byte("stroke-dasharray")) || wellFormed(string(svg)) != nil {
		t.Errorf("no dashed line, %v", err)
	}
}

func TestWriteEvaluations(t *testing.T) {
	r := languages()
	r.Runs[1] = Run{Label: "cnn", Group: `the "small", one`, Seed: 3, Log: handLog(2, 12.5)}
	r.Runs[1].Log.Evals[0].Top5Error, r.Runs[1].Log.Evals[0].Examples = 2, 100
	lines, err := csv.NewReader(strings.NewReader(writtenBy(t, func(w *bytes.Buffer) error { return WriteEvaluations(w, r) }))).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	loss := func(p float64) string { return csvNumber(math.Log(p)) }
	want := [][]string{
		{"optimizer", "seed", "step", "epoch", "validation_loss", "validation_top1_error", "validation_top5_error", "validation_perplexity", "validation_examples", "test_loss", "test_perplexity", "test_examples"},
		{"kafisto", "1", "10", "1", loss(500), "", "", "500", "73760", loss(480), "480", "73760"},
		{"kafisto", "1", "20", "2", loss(110), "", "", "110", "73760", loss(105.5), "105.5", "73760"},
		{"kafisto", "1", "30", "3", loss(112), "", "", "112", "73760", loss(104), "104", "73760"},
		{`the "small", one`, "3", "1", "0", "1.25", "12.5", "2", "", "100", "", "", ""},
	}
	if !slices.EqualFunc(lines, want, slices.Equal[[]string]) {
		t.Errorf("%q, want %q", lines, want)
	}
}
