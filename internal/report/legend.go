package report

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

// legendEntry is a group in the legend of a figure.
type legendEntry struct {
	group int
	text  string
}

// width of the entry with its line and the space after it.
func (e legendEntry) width() vg.Length {
	return textStyle(labelSize, inkColour).Width(e.text) + vg.Points(18+16)
}

// legendRows breaks the legend into rows no wider than width.
func legendRows(groups []group, width vg.Length) [][]legendEntry {
	var rows [][]legendEntry
	used := width
	for i, g := range groups {
		e := legendEntry{group: i, text: legendText(g)}
		if used+e.width() > width {
			rows = append(rows, nil)
			used = 0
		}
		used += e.width()
		rows[len(rows)-1] = append(rows[len(rows)-1], e)
	}
	return rows
}

// drawLegend draws the rows at the canvas' left edge, the first with its
// baseline at y, and returns where the next would be.
func drawLegend(c draw.Canvas, y vg.Length, rows [][]legendEntry) vg.Length {
	for _, row := range rows {
		x := c.Min.X
		for _, e := range row {
			line := draw.LineStyle{Color: groupColour(e.group), Width: vg.Points(2.2), Dashes: dashes(e.group)}
			c.StrokeLine2(line, x, y+vg.Points(3.4), x+vg.Points(14), y+vg.Points(3.4))
			c.FillText(textStyle(labelSize, inkColour), vg.Point{X: x + vg.Points(18), Y: y}, e.text)
			x += e.width()
		}
		y -= vg.Points(legendHeight)
	}
	return y
}

// legendText is the group's name, cut to one line, with its number of seeds
// and of those that diverged.
func legendText(g group) string {
	text, lost := cut(g.name, 40), 0
	for _, run := range g.runs {
		if diverged(run.Log) {
			lost++
		}
	}
	switch n := len(g.runs); {
	case n == 1 && lost == 1:
		text += " (diverged)"
	case n > 1 && lost > 0:
		text += fmt.Sprintf(" (%d seeds, %d diverged)", n, lost)
	case n > 1:
		text += fmt.Sprintf(" (%d seeds)", n)
	}
	return text
}

// cut shortens s to n characters, with an ellipsis.
func cut(s string, n int) string {
	if utf8.RuneCountInString(s) <= n {
		return s
	}
	return strings.TrimSpace(string([]rune(s)[:n-1])) + "…"
}
