package paper

import (
	"io"
	"strings"

	"github.com/kafisto/kafisto/internal/report"
)

// WriteMarkdown writes each table as a section of GitHub's Markdown, its
// heading of the third level, with notes and where the table comes from.
func WriteMarkdown(w io.Writer, tables ...Table) error {
	return writeEach(w, tables, markdownTable)
}

func markdownTable(b *strings.Builder, t Table) {
	b.WriteString("### " + markdown(t.title()) + "\n\n")
	if caption := report.CleanText(t.Caption); caption != "" {
		b.WriteString(markdown(caption) + "\n\n")
	}
	if warning := t.warning(); warning != "" {
		b.WriteString("**" + markdown(warning) + "**\n\n")
	}
	markdownRows(b, t)
	b.WriteString("\n" + markdown(t.legend()) + "\n")
	for _, note := range t.lines() {
		b.WriteString("\n" + markdown(note) + "\n")
	}
	if commands := report.CleanLines(t.Command); commands != "" { // indented, nothing in a line can end it
		b.WriteString("\n    " + strings.ReplaceAll(commands, "\n", "\n    ") + "\n")
	}
	var facts []string
	for _, f := range t.facts() {
		facts = append(facts, f.Name+": "+markdown(f.Text))
	}
	b.WriteString("\n" + strings.Join(facts, ". ") + ".\n")
}

func markdownRows(b *strings.Builder, t Table) {
	line := func(texts []string) { b.WriteString("| " + strings.Join(texts, " | ") + " |\n") }
	var heads, rule []string
	for _, key := range t.Keys {
		heads, rule = append(heads, markdown(report.CleanText(key))), append(rule, "---")
	}
	for _, measure := range t.Measures {
		for i, head := range t.columnHeads() {
			if i == 0 {
				head = markdown(report.CleanText(measure)) + ": " + head
			}
			heads, rule = append(heads, head), append(rule, "---:")
		}
	}
	line(heads)
	line(rule)
	for i, keys := range t.keyTexts() {
		var row []string
		for _, key := range keys {
			row = append(row, markdown(key))
		}
		for _, c := range t.Rows[i].Cells {
			for _, text := range t.columns(c) {
				row = append(row, markdown(text))
			}
		}
		line(row)
	}
}

// special are the characters that mean something in Markdown, escaped.
var special = func() *strings.Replacer {
	var pairs []string
	for _, c := range "\\`*_[]<>|&#~$" {
		pairs = append(pairs, string(c), "\\"+string(c))
	}
	return strings.NewReplacer(pairs...)
}()

// markdown escapes a text so that it is shown as it is within a line.
func markdown(s string) string { return special.Replace(s) }
