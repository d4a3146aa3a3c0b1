package experiment

import (
	"maps"
	"math"
	"slices"

	"github.com/kafisto/kafisto/internal/runlog"
)

// measures are what a table can show of a run: the last evaluation's.
var measures = map[string]struct {
	title string
	of    func(runlog.Eval) float64
}{
	"top1-error": {"top-1 error, %", func(e runlog.Eval) float64 { return e.Top1Error }},
	"top5-error": {"top-5 error, %", func(e runlog.Eval) float64 { return e.Top5Error }},
	"loss":       {"validation loss", func(e runlog.Eval) float64 { return e.Loss }},
	"perplexity": {"perplexity", func(e runlog.Eval) float64 { return math.Exp(e.Loss) }},
}

// MeasureNames are the names that a declaration may use, in alphabetical order.
func MeasureNames() []string { return slices.Sorted(maps.Keys(measures)) }
