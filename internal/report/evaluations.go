package report

import (
	"encoding/csv"
	"fmt"
	"io"
	"slices"
	"strconv"

	"github.com/kafisto/kafisto/internal/runlog"
)

// evalColumn is a figure of an evaluation on one split.
type evalColumn struct {
	split string
	name  string // in the heading, behind the split
	tasks tasks  // that have it; 0 means all
	text  func(runlog.Eval) string
}

// evalColumns are the figures of one split.
func evalColumns(split string) []evalColumn {
	return []evalColumn{
		{split, "loss", 0, func(e runlog.Eval) string { return csvNumber(e.Loss) }},
		{split, "top1_error", classification, func(e runlog.Eval) string { return csvNumber(e.Top1Error) }},
		{split, "top5_error", classification, func(e runlog.Eval) string { return csvNumber(e.Top5Error) }},
		{split, "perplexity", language, func(e runlog.Eval) string { return csvNumber(e.Perplexity) }},
		{split, "wasserstein", generation, func(e runlog.Eval) string { return csvNumber(e.GAN.Wasserstein) }},
		{split, "generated", generation, func(e runlog.Eval) string { return strconv.Itoa(e.GAN.Generated) }},
		{split, "frechet", generation, csvFrechet},
		{split, "features", generation, func(e runlog.Eval) string { return e.GAN.Features }},
		{split, "examples", 0, func(e runlog.Eval) string { return strconv.Itoa(e.Examples) }},
	}
}

// csvFrechet is the Fréchet distance, empty where there is none.
func csvFrechet(e runlog.Eval) string {
	if distance, ok := frechet(e); ok {
		return csvNumber(distance)
	}
	return ""
}

// taskOf is what an evaluation is of.
func taskOf(e runlog.Eval) tasks {
	switch {
	case e.GAN != nil:
		return generation
	case e.IsLanguage():
		return language
	}
	return classification
}

// WriteEvaluations writes every evaluation of the runs as CSV (RFC 4180), a line
// for each run and step: optimizer, seed, step and epoch, and for each split the
// loss, the errors in per cent or the perplexity, and the number of images or
// words; of generative adversarial networks the Wasserstein estimate, the number of
// generated images, their Fréchet distance and the classifier whose features that is
// on. What a run lacks is empty. It fails if the report has no runs or a run
// has an empty log.
func WriteEvaluations(w io.Writer, r Report) error {
	if err := r.check(); err != nil {
		return err
	}
	columns := shownEvalColumns(r)
	header := []string{"optimizer", "seed", "step", "epoch"}
	for _, c := range columns {
		header = append(header, c.split+"_"+c.name)
	}
	lines := [][]string{header}
	for _, g := range r.groups() {
		for _, run := range g.runs {
			lines = append(lines, evaluationLines(g.name, run, columns)...)
		}
	}
	if err := csv.NewWriter(w).WriteAll(lines); err != nil {
		return fmt.Errorf("report: writing the evaluations: %w", err)
	}
	return nil
}

// shownEvalColumns are the columns that any run has, split by split in the order
// in which they first appear.
func shownEvalColumns(r Report) []evalColumn {
	var splits []string
	has := make(map[string]tasks)
	for _, run := range r.Runs {
		for _, e := range run.Log.Evals {
			if has[e.Split] == 0 {
				splits = append(splits, e.Split)
			}
			has[e.Split] |= taskOf(e)
		}
	}
	var shown []evalColumn
	for _, split := range splits {
		for _, c := range evalColumns(split) {
			if c.tasks == 0 || c.tasks&has[split] != 0 {
				shown = append(shown, c)
			}
		}
	}
	return shown
}

// evaluationLines are a run's lines, a step each.
func evaluationLines(group string, run Run, columns []evalColumn) [][]string {
	var lines [][]string
	var steps []int64
	for _, e := range run.Log.Evals {
		if slices.Contains(steps, e.Step) {
			continue
		}
		steps = append(steps, e.Step)
		line := []string{group, strconv.FormatUint(run.Seed, 10), strconv.FormatInt(e.Step, 10), csvNumber(e.Epoch)}
		for _, c := range columns {
			text := ""
			if at, ok := run.Log.EvalAt(c.split, e.Step); ok && (c.tasks == 0 || c.tasks == taskOf(at)) {
				text = c.text(at)
			}
			line = append(line, text)
		}
		lines = append(lines, line)
	}
	return lines
}

// csvNumber is the shortest text that reads as v again; empty where v is not finite.
func csvNumber(v float64) string {
	if !finite(v) {
		return ""
	}
	return strconv.FormatFloat(v, 'g', -1, 64)
}
