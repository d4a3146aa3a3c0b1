package experiment

import (
	"maps"
	"slices"

	"github.com/kafisto/kafisto/internal/runlog"
)

// measure is what a table can show of a finished run.
type measure struct {
	title string
	of    func(f Finished) (value float64, ok bool) // false where the run does not have it
}

// measures are those that a declaration may name.
var measures = map[string]measure{
	"top1-error": {"top-1 error, %", ofLast(func(e runlog.Eval) (float64, bool) { return e.Top1Error, classifies(e) })},
	"top5-error": {"top-5 error, %", ofLast(func(e runlog.Eval) (float64, bool) { return e.Top5Error, classifies(e) })},
	"loss":       {"validation loss", ofLast(func(e runlog.Eval) (float64, bool) { return e.Loss, e.GAN == nil })},
	"perplexity": {"validation perplexity", ofLast(perplexity)},
	"fid":        {"FID", fid},
	"frechet":    {"Fréchet distance (not FID)", ofLast(frechet)},
	"test-perplexity": {"test perplexity", func(f Finished) (float64, bool) {
		if f.last() == nil {
			return 0, false
		}
		e, ok := f.State.Record.Log.TestAtBest()
		return e.Perplexity, ok && e.IsLanguage()
	}},
}

// ofLast measures the last evaluation.
func ofLast(pick func(runlog.Eval) (float64, bool)) func(Finished) (float64, bool) {
	return func(f Finished) (float64, bool) {
		last := f.last()
		if last == nil {
			return 0, false
		}
		return pick(*last)
	}
}

func perplexity(e runlog.Eval) (float64, bool) { return e.Perplexity, e.IsLanguage() }

func classifies(e runlog.Eval) bool { return e.GAN == nil && !e.IsLanguage() }

func frechet(e runlog.Eval) (float64, bool) {
	if e.GAN == nil || e.GAN.Frechet == nil {
		return 0, false
	}
	return *e.GAN.Frechet, true
}

// fid is the FID by the reference protocol, which `kafisto fid` has computed of the
// run's last step.
func fid(f Finished) (float64, bool) {
	if f.State.Record == nil {
		return 0, false
	}
	for _, d := range f.State.Record.Frechet {
		if d.IsFID() && d.Step == f.State.Step {
			return d.Distance, true
		}
	}
	return 0, false
}

// MeasureNames are the names that a declaration may use, in alphabetical order.
func MeasureNames() []string { return slices.Sorted(maps.Keys(measures)) }
