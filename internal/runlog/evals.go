package runlog

import "math"

// Splits that an evaluation may be of.
const (
	Validation = "validation" // decides which evaluation is the best
	Test       = "test"
)

// IsLanguage tells whether the evaluation is a language model's, which has a
// perplexity and no errors.
func (r Eval) IsLanguage() bool { return r.Perplexity > 0 }

// LowestLoss returns the evaluation of the split with the lowest loss, the first
// of those; false where there is none.
func (l *Log) LowestLoss(split string) (Eval, bool) {
	lowest, found := Eval{Loss: math.Inf(1)}, false
	for _, e := range l.Evals {
		if e.Split == split && e.Loss < lowest.Loss {
			lowest, found = e, true
		}
	}
	return lowest, found
}

// EvalAt returns the evaluation of the split after a step; false where there is
// none.
func (l *Log) EvalAt(split string, step int64) (Eval, bool) {
	for i := len(l.Evals) - 1; i >= 0; i-- {
		if e := l.Evals[i]; e.Split == split && e.Step == step {
			return e, true
		}
	}
	return Eval{}, false
}

// TestAtBest returns the evaluation of the test split at the step with the lowest
// validation loss, which is the one that papers report of language models; false
// where there is none.
func (l *Log) TestAtBest() (Eval, bool) {
	best, ok := l.LowestLoss(Validation)
	if !ok {
		return Eval{}, false
	}
	return l.EvalAt(Test, best.Step)
}
