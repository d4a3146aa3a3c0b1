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

// Deciding are the evaluations by which runs are compared, in the order of
// logging: those of the split that was evaluated first, without that before the first
// step.
func (l *Log) Deciding() []Eval {
	var evals []Eval
	for _, e := range l.Evals {
		if e.Split == l.Evals[0].Split && e.Step > 0 {
			evals = append(evals, e)
		}
	}
	return evals
}

// LowestLoss returns the first of the deciding evaluations with the lowest loss;
// false where there is none.
func (l *Log) LowestLoss() (Eval, bool) {
	lowest, found := Eval{Loss: math.Inf(1)}, false
	for _, e := range l.Deciding() {
		if e.Loss < lowest.Loss {
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

// TestAtBest returns the evaluation of the test split after the step with the
// lowest validation loss, which is the one that papers report of language models;
// false where there is none.
func (l *Log) TestAtBest() (Eval, bool) {
	best, ok := l.LowestLoss()
	if !ok {
		return Eval{}, false
	}
	return l.EvalAt(Test, best.Step)
}
