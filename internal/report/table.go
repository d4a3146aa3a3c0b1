package report

import (
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"github.com/kafisto/kafisto/internal/runlog"
)

// WriteTable writes the summary as aligned plain text for a terminal: one row
// a group, mean ± standard deviation over seeds where there are several, an
// asterisk at the best of each column. It fails if the report has no runs or
// a run has an empty log.
func WriteTable(w io.Writer, r Report) error {
	if err := r.check(); err != nil {
		return err
	}
	summaries := Summarize(r)
	var b strings.Builder
	b.WriteString(r.title() + "\n")
	if r.Task != "" {
		b.WriteString(CleanText(r.Task) + "\n")
	}
	if r.Scaled != "" {
		b.WriteString(CleanText(r.Scaled) + "\n")
	}
	b.WriteString("\n")
	alignRows(&b, tableRows(summaries))
	b.WriteString("\n" + tableNote(r, summaries) + "\n")
	if _, err := io.WriteString(w, b.String()); err != nil {
		return fmt.Errorf("report: writing the table: %w", err)
	}
	return nil
}

// tableRows is the table's text, headings first.
func tableRows(summaries []Summary) [][]string {
	header, columns := []string{"optimizer", "seeds"}, shownColumns(summaries)
	for _, c := range columns {
		header = append(header, c.short+" ")
	}
	rows := [][]string{header}
	for i, line := range cells(summaries, columns) {
		row := []string{summaries[i].Group, seedsNote(summaries[i])}
		for _, c := range line {
			mark := " "
			if c.Best {
				mark = "*"
			}
			row = append(row, c.Text+mark)
		}
		rows = append(rows, row)
	}
	return rows
}

// retries is how often a run has gone back after divergence.
func retries(log *runlog.Log) (n int) {
	for _, start := range log.Starts {
		n = max(n, start.Retries)
	}
	return n
}

// tableNote explains the table in a few sentences.
func tableNote(r Report, summaries []Summary) string {
	var notes []string
	if len(summaries) > 1 {
		notes = append(notes, "* best of its column, diverged groups apart.")
	}
	if severalSeeds(summaries) {
		notes = append(notes, "Mean ± sample standard deviation over the seeds that did not diverge.")
	} else {
		notes = append(notes, "One seed each: no standard deviation.")
	}
	for _, run := range r.Runs {
		if n := retries(run.Log); n > 0 {
			notes = append(notes, fmt.Sprintf("%s diverged and went on with a smaller learning rate, retry %d.", CleanText(run.Label), n))
		}
	}
	note := strings.Join(notes, " ")
	if tasksOf(summaries)&language != 0 {
		note += "\nTest perplexity: at the lowest validation loss."
	}
	if unigram := unigramNote(r); unigram != "" {
		note += " " + unigram
	}
	if gan := ganNote(summaries); gan != "" {
		note += "\n" + gan
	}
	return note
}

// alignRows writes rows in columns two spaces apart: the first two columns
// aligned left, the others right.
func alignRows(b *strings.Builder, rows [][]string) {
	widths := make([]int, len(rows[0]))
	for _, row := range rows {
		for i, text := range row {
			widths[i] = max(widths[i], utf8.RuneCountInString(text))
		}
	}
	for _, row := range rows {
		var line strings.Builder
		for i, text := range row {
			space := strings.Repeat(" ", widths[i]-utf8.RuneCountInString(text))
			if i < 2 {
				line.WriteString(text + space + "  ")
			} else {
				line.WriteString(space + text + " ")
			}
		}
		b.WriteString(strings.TrimRight(line.String(), " ") + "\n")
	}
}
