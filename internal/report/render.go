package report

import (
	"bytes"
	"fmt"
	"html/template"

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

// renderPNG draws the panel with title and legend as a PNG image.
func renderPNG(p panel, task string, groups []group) ([]byte, error) {
	rows := legendRows(groups, vg.Points(figureWidth))
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
	rows := legendRows(groups, vg.Points(figureWidth))
	w, h := fileSize(task, len(rows))
	canvas := vgsvg.New(w, h)
	c := draw.New(canvas)
	c.SetColor(rgb(0xff, 0xff, 0xff))
	c.Fill(c.Rectangle.Path())
	if err := drawFile(c, p, task, rows); err != nil {
		return nil, err
	}
	return svgFile(canvas, p.name)
}

// renderInline draws the panel, without title and legend, as an <svg> element
// whose colours are the page's custom properties. Of text from outside it holds at
// most that of the title, escaped.
func renderInline(p panel) (string, error) {
	canvas := vgsvg.New(vg.Points(figureWidth), vg.Points(figureHeight))
	if err := drawPanel(draw.New(canvas), p); err != nil {
		return "", err
	}
	return svgElement(canvas, p.name, template.HTMLEscapeString(p.title), vg.Points(figureWidth), vg.Points(figureHeight))
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
	c.FillText(textStyle(labelSize, inkColour), vg.Point{X: c.Min.X, Y: c.Max.Y - vg.Points(labelSize)}, p.axisLabel())
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
	y = drawLegend(c, y, rows)
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
