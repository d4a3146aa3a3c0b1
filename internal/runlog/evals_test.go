package runlog

import "testing"

func TestEvaluationsOfALog(t *testing.T) {
	log := &Log{Evals: []Eval{
		{Step: 0, Split: Validation, Loss: 1}, // before the first step: never the best
		{Step: 1, Split: Validation, Loss: 3, Perplexity: 20}, {Step: 1, Split: Test, Loss: 1},
		{Step: 2, Split: Validation, Loss: 2}, {Step: 2, Split: Test, Loss: 4},
		{Step: 3, Split: Validation, Loss: 2}, {Step: 3, Split: Test, Loss: 0.5},
	}}
	if e, ok := log.LowestLoss(); !ok || e.Step != 2 {
		t.Errorf("lowest validation loss %+v, want the first of the equal ones", e)
	}
	if e, ok := log.TestAtBest(); !ok || e.Step != 2 || e.Split != Test || e.Loss != 4 {
		t.Errorf("test at the best validation %+v", e)
	}
	if _, ok := log.EvalAt(Test, 4); ok {
		t.Error("an evaluation that is not there")
	}
	if !log.Evals[1].IsLanguage() || log.Evals[2].IsLanguage() {
		t.Error("language models have a perplexity")
	}
	log.Evals = log.Evals[:4]
	if _, ok := log.TestAtBest(); ok {
		t.Error("no test at the best validation")
	}
	if _, ok := (&Log{}).TestAtBest(); ok {
		t.Error("an evaluation of an empty log")
	}
}
