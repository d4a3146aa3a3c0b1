package report

import (
	"bytes"
	"fmt"
	"strings"
	"unicode/utf8"

	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgimg"
	"gonum.org/v1/plot/vg/vgsvg"
)

// Sizes of figures.
const (
	figureWidth  = 440 // points
	figureHeight = 260 // points, without title and legend
	imageDPI     = 200 // of PNG files
	margin       = 12  // points, around a figure in a file of its own
	axisHeight   = 20  // points, of the label above the vertical axis
	titleHeight  = 20  // points, of the title
	taskHeight   = 18  // points, of the line with the task
	legendHeight = 16  // points, of one row of the legend
)

// fontFamily is what SVG text is set in; the widths of all but the last agree.
const fontFamily = "'Liberation Sans',Arial,Helvetica,sans-serif"

// renderPNG draws the panel with title and legend as a PNG image.
func renderPNG(p panel, task string, groups []group) ([]byte, error) {
	rows := legendRows(groups)
	w, h := fileSize(task, len(rows))
	canvas := vgimg.PngCanvas{Canvas: vgimg.NewWith(vgimg.UseWH(w, h), vgimg.UseDPI(imageDPI))}
	if err := drawFile(draw.New(canvas), p, task, rows); err != nil {
		return nil, err
	}
	var b bytes.Buffer
	if _, err := canvas.WriteTo(&b); err != nil {
		return nil, fmt.Errorf("report: encoding figure %s as PNG: %w", p.name, err)
	}
	return b.Bytes(), nil
}

// renderSVG draws the panel with title and legend as an SVG file.
func renderSVG(p panel, task string, groups []group) ([]byte, error) {
	rows := legendRows(groups)
	w, h := fileSize(task, len(rows))
	canvas := vgsvg.New(w, h)
	c := draw.New(canvas)
	c.SetColor(rgb(0xff, 0xff, 0xff))
	c.Fill(c.Rectangle.Path())
	if err := drawFile(c, p, task, rows); err != nil {
		return nil, err
	}
	svg, err := svgText(canvas, p)
	if err != nil {
		return nil, err
	}
	return []byte(strings.ReplaceAll(svg, "font-family:Liberation Sans;", "font-family:"+fontFamily+";")), nil
}

// renderInline draws the panel, without title and legend, as an <svg> element
// whose colours are the page's custom properties. It holds no text from
// outside: only axis labels and numbers.
func renderInline(p panel) (string, error) {
	canvas := vgsvg.New(vg.Points(figureWidth), vg.Points(figureHeight))
	if err := drawPanel(draw.New(canvas), p); err != nil {
		return "", err
	}
	svg, err := svgText(canvas, p)
	if err != nil {
		return "", err
	}
	_, body, found := strings.Cut(svg, "xlink\">\n")
	if !found {
		return "", fmt.Errorf("report: figure %s: the plotting library's SVG has an unknown header", p.name)
	}
	body = strings.ReplaceAll(body, "font-family:Liberation Sans;font-variant:normal;font-weight:normal;font-style:normal;", "")
	head := fmt.Sprintf("<svg viewBox=\"0 0 %d %d\" role=\"img\" aria-label=\"%s\">\n", figureWidth, figureHeight, p.title)
	return head + themed(body), nil
}

func svgText(canvas *vgsvg.Canvas, p panel) (string, error) {
	var b strings.Builder
	if _, err := canvas.WriteTo(&b); err != nil {
		return "", fmt.Errorf("report: writing figure %s as SVG: %w", p.name, err)
	}
	return b.String(), nil
}

// drawPanel draws the panel over the whole canvas. The plotting library
// panics on some values; should one get past this package's checks, that is
// an error of the figure.
func drawPanel(c draw.Canvas, p panel) (err error) {
	defer func() {
		if cause := recover(); cause != nil {
			err = fmt.Errorf("report: figure %s could not be drawn: %v", p.name, cause)
		}
	}()
	pl, err := newPlot(p)
	if err != nil {
		return fmt.Errorf("report: figure %s could not be drawn: %w", p.name, err)
	}
	label := p.axis
	if p.log {
		label += " (log scale)"
	}
	c.FillText(textStyle(labelSize, inkColour), vg.Point{X: c.Min.X, Y: c.Max.Y - vg.Points(labelSize)}, label)
	pl.Draw(draw.Crop(c, 0, -vg.Points(6), 0, -vg.Points(axisHeight)))
	return nil
}

// drawFile draws title, task, legend and panel, one below the other.
func drawFile(c draw.Canvas, p panel, task string, rows [][]legendEntry) error {
	c = draw.Crop(c, vg.Points(margin), -vg.Points(margin), vg.Points(margin), -vg.Points(margin))
	y := c.Max.Y - vg.Points(12)
	c.FillText(textStyle(13, inkColour), vg.Point{X: c.Min.X, Y: y}, p.title)
	y -= vg.Points(titleHeight)
	if task != "" {
		c.FillText(textStyle(labelSize, lineColour), vg.Point{X: c.Min.X, Y: y}, cut(task, 90))
		y -= vg.Points(taskHeight)
	}
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
	c.Max.Y = y + vg.Points(4)
	return drawPanel(c, p)
}

// fileSize is the size of a figure in a file of its own.
func fileSize(task string, rows int) (w, h vg.Length) {
	height := float64(figureHeight + 2*margin + titleHeight + legendHeight*rows)
	if task != "" {
		height += taskHeight
	}
	return vg.Points(figureWidth + 2*margin), vg.Points(height)
}

// legendEntry is a group in the legend of a figure.
type legendEntry struct {
	group int
	text  string
}

// width of the entry with its line and the space after it.
func (e legendEntry) width() vg.Length {
	return textStyle(labelSize, inkColour).Width(e.text) + vg.Points(18+16)
}

// legendRows breaks the legend into rows that fit the figure.
func legendRows(groups []group) [][]legendEntry {
	var rows [][]legendEntry
	width := vg.Points(figureWidth)
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
