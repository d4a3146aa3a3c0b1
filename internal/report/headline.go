package report

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"
)

// headline is the result in a sentence for each task; empty if there is none.
func headline(summaries []Summary) string {
	var lines []string
	for _, line := range []string{errorHeadline(summaries), perplexityHeadline(summaries), frechetHeadline(summaries)} {
		if line != "" {
			lines = append(lines, line)
		}
	}
	return strings.Join(lines, " ")
}

// winners are the groups that are the best of a column. Those that are equal as
// far as the table's decimals tell are all there.
type winners struct {
	groups []Summary
	text   string // the first one's figure
	seeds  int    // most of a group
}

func winnersOf(summaries []Summary, c column) winners {
	w := winners{seeds: 1}
	for i, row := range cells(summaries, []column{c}) {
		if row[0].Best {
			w.groups = append(w.groups, summaries[i])
			w.text, w.seeds = row[0].Text, max(w.seeds, len(summaries[i].Seeds))
		}
	}
	return w
}

func (w winners) names() string {
	var names []string
	for _, s := range w.groups {
		names = append(names, s.Group)
	}
	return strings.Join(names, " and ")
}

// errorHeadline is the result of classifying images; empty if there is none.
func errorHeadline(summaries []Summary) string {
	w := winnersOf(summaries, finalErrorColumn)
	if w.groups == nil {
		return ""
	}
	line := fmt.Sprintf("Lowest final top-1 error: %s with %s %%", w.names(), w.text)
	switch {
	case w.seeds > 1:
		line += fmt.Sprintf(" over %d seeds", w.seeds)
	case len(w.groups) > 1:
		line += " (one seed)"
	default:
		line += " (one seed" + lead(summaries) + ")"
	}
	return line + "."
}

// perplexityHeadline is the result of language models; empty if there is none.
func perplexityHeadline(summaries []Summary) string {
	w := winnersOf(summaries, bestPerplexityColumn)
	if w.groups == nil {
		return ""
	}
	line := fmt.Sprintf("Lowest validation perplexity: %s with %s", w.names(), w.text)
	var tests []string
	for _, s := range w.groups {
		if s.TestPerplexity.N > 0 {
			tests = append(tests, FormatStat(s.TestPerplexity, bestPerplexityColumn.decimals, severalSeeds(summaries)))
		}
	}
	if len(tests) == len(w.groups) {
		line += ", test perplexity " + strings.Join(tests, " and ")
	}
	if w.seeds > 1 {
		return line + fmt.Sprintf(" over %d seeds.", w.seeds)
	}
	return line + " (one seed)."
}

// frechetHeadline is the result of generating images; empty if there is none.
func frechetHeadline(summaries []Summary) string {
	w := winnersOf(summaries, bestFrechetColumn)
	if w.groups == nil {
		return ""
	}
	line := fmt.Sprintf("Lowest Fréchet distance%s: %s with %s", onFeatures(w.groups[0].Features), w.names(), w.text)
	if w.seeds > 1 {
		return line + fmt.Sprintf(" over %d seeds.", w.seeds)
	}
	return line + " (one seed)."
}

// lead says in images how far the two lowest final errors are apart, as in
// ": wrong in 4 of 2000 images fewer than sgd"; "" if that is not known.
func lead(summaries []Summary) string {
	sorted := slices.DeleteFunc(slices.Clone(summaries), func(s Summary) bool { return s.FinalError.N == 0 || s.Diverged > 0 })
	slices.SortStableFunc(sorted, func(a, b Summary) int { return cmp.Compare(a.FinalError.Mean, b.FinalError.Mean) })
	if len(sorted) < 2 || severalSeeds(summaries) || sorted[0].Examples == 0 || sorted[0].Examples != sorted[1].Examples {
		return ""
	}
	total := sorted[0].Examples
	apart := math.Round((sorted[1].FinalError.Mean - sorted[0].FinalError.Mean) / 100 * float64(total))
	return fmt.Sprintf(": wrong in %.0f of %d images fewer than %s", apart, total, sorted[1].Group)
}
