package report

import (
	"fmt"
	"slices"
	"strings"

	"github.com/kafisto/kafisto/internal/runlog"
)

// unigrams are the perplexities, by split, of guessing words by how often they are
// in the run's training text; nil for other runs than language models.
func unigrams(log *runlog.Log) map[string]float64 {
	var all map[string]float64
	for _, e := range log.Evals {
		if positive(e.UnigramPerplexity) > 0 {
			if all == nil {
				all = make(map[string]float64)
			}
			all[e.Split] = e.UnigramPerplexity
		}
	}
	return all
}

// unigramsOf are the different ones of a split among the groups' runs, in order.
func unigramsOf(groups []group, split string) []float64 {
	var values []float64
	for _, g := range groups {
		for _, run := range g.runs {
			if v, ok := unigrams(run.Log)[split]; ok {
				values = append(values, v)
			}
		}
	}
	slices.Sort(values)
	return slices.Compact(values)
}

// unigramNote says what language models have to be below; empty without any.
func unigramNote(r Report) string {
	groups := r.groups()
	var parts []string
	for _, split := range []string{runlog.Validation, runlog.Test} {
		values := unigramsOf(groups, split)
		if len(values) == 0 {
			continue
		}
		text, last := FormatNumber(values[0], 1), FormatNumber(values[len(values)-1], 1)
		if text != last {
			text += " to " + last
		}
		parts = append(parts, fmt.Sprintf("%s (%s)", text, split))
	}
	if parts == nil {
		return ""
	}
	return "Guessing words by how often they are in the training text has perplexity " + strings.Join(parts, " and ") + "."
}
