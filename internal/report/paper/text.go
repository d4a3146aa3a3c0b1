package paper

import (
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"github.com/kafisto/kafisto/internal/report"
)

// measuresAcross is how many measures stand side by side on a terminal; a
// table with more is cut into parts, one below the other.
const measuresAcross = 2

// WriteText writes the tables as aligned plain text for a terminal: for each
// measure the paper's number, ours, and the difference. A table that is scaled
// down says so above and in the heads of our columns.
func WriteText(w io.Writer, tables ...Table) error {
	return writeEach(w, tables, writeTable)
}

// writeEach writes the tables, an empty line between them, all or none.
func writeEach(w io.Writer, tables []Table, write func(*strings.Builder, Table)) error {
	if err := check(tables); err != nil {
		return err
	}
	var b strings.Builder
	for i, t := range tables {
		if i > 0 {
			b.WriteString("\n")
		}
		write(&b, t)
	}
	if _, err := io.WriteString(w, b.String()); err != nil {
		return fmt.Errorf("report: writing the tables: %w", err)
	}
	return nil
}

func writeTable(b *strings.Builder, t Table) {
	for _, line := range []string{t.title(), report.CleanText(t.Caption), t.warning()} {
		if line != "" {
			b.WriteString(line + "\n")
		}
	}
	for from := 0; from < len(t.Measures); from += measuresAcross {
		b.WriteString("\n")
		align(b, t.textRows(from, min(from+measuresAcross, len(t.Measures))), len(t.Keys), t.across())
	}
	b.WriteString("\n" + t.legend() + "\n")
	for _, note := range t.lines() {
		b.WriteString(note + "\n")
	}
	for _, f := range t.facts() {
		if f.Name == "Seeds" || f.Name == "Settings" {
			b.WriteString(f.Name + ": " + f.Text + "\n")
		}
	}
}

// textRows are two lines of heads and the rows, of the measures from one to
// before another. A measure's name stands over its first column.
func (t Table) textRows(from, to int) [][]string {
	names, heads := make([]string, len(t.Keys)), make([]string, 0, len(t.Keys))
	for _, key := range t.Keys {
		heads = append(heads, report.CleanText(key))
	}
	for _, measure := range t.Measures[from:to] {
		names = append(append(names, report.CleanText(measure)), make([]string, t.across()-1)...)
		heads = append(heads, t.columnHeads()...)
	}
	rows := [][]string{names, heads}
	for i, keys := range t.keyTexts() {
		row := keys
		for _, c := range t.Rows[i].Cells[from:to] {
			row = append(row, t.columns(c)...)
		}
		rows = append(rows, row)
	}
	return rows
}

// align writes the rows in columns two spaces apart, measures of so many columns
// four: keys
// aligned left, the others right. The first row's texts are aligned left and
// may be longer than their columns.
func align(b *strings.Builder, rows [][]string, keys, across int) {
	widths := make([]int, len(rows[0]))
	for _, row := range rows[1:] {
		for i, text := range row {
			widths[i] = max(widths[i], utf8.RuneCountInString(text))
		}
	}
	for n, row := range rows {
		var line strings.Builder
		start := 0 // of the column
		for i, text := range row {
			if i >= keys && (i-keys)%across == 0 {
				start += 2
			}
			pad := start - utf8.RuneCountInString(line.String())
			if n > 0 && i >= keys {
				pad += widths[i] - utf8.RuneCountInString(text)
			}
			if text != "" {
				line.WriteString(strings.Repeat(" ", max(pad, min(i, 1))) + text)
			}
			start += widths[i] + 2
		}
		b.WriteString(strings.TrimRight(line.String(), " ") + "\n")
	}
}
