package report

import (
	"bytes"
	"fmt"
	"html/template"
	"math"
	"strings"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgimg"
	"gonum.org/v1/plot/vg/vgsvg"
)

// Sizes of composites.
const (
	sheetPixels   = 1280 // width of the PNG file
	sheetWidth    = 330  // points, of a panel among several
	sheetHeight   = 190  // points, of such a panel
	sheetGap      = 26   // points, between columns
	sheetRowGap   = 16   // points, between rows
	headHeight    = 19   // points, of a panel's title
	sheetTitle    = 15   // points, type size of the title
	subtitleSpace = 15   // points, of a line below the title
	belowSubtitle = 5    // points, before the legend
	aboveLegend   = 10   // points, between legend and panels
)

// rows is the number of rows of panels.
func (s sheet) rows() int { return (len(s.panels) + s.columns - 1) / s.columns }

// panelSize is the size of one panel without its heads.
func (s sheet) panelSize() (w, h vg.Length) {
	if len(s.panels) == 1 {
		return vg.Points(1.35 * figureWidth), vg.Points(1.1 * figureHeight)
	}
	return vg.Points(sheetWidth), vg.Points(sheetHeight)
}

// head is the height of what stands above each panel: title and axis, or the
// axis alone where there is a single panel.
func (s sheet) head() vg.Length {
	if len(s.panels) == 1 {
		return vg.Points(axisHeight)
	}
	return vg.Points(headHeight + axisHeight - 4)
}

// size is the size of the panels with their heads.
func (s sheet) size() (w, h vg.Length) {
	w, h = s.panelSize()
	n, m := vg.Length(s.columns), vg.Length(s.rows())
	return n*w + (n-1)*vg.Points(sheetGap), m*(h+s.head()) + (m-1)*vg.Points(sheetRowGap)
}

// subtitles are the lines below the title.
func (s sheet) subtitles() []subtitle {
	w, _ := s.size()
	var lines []subtitle
	for i, text := range []string{s.task, s.scaled} {
		for _, line := range wrap(text, labelSize, w) {
			lines = append(lines, subtitle{line, i == 1})
		}
	}
	return lines
}

// subtitle is a line below the title; the scale is set in ink, the task pale.
type subtitle struct {
	text  string
	scale bool
}

// fileSize is the size of the composite in a file of its own.
func (s sheet) fileSize() (w, h vg.Length) {
	w, h = s.size()
	titles := wrap(s.title, sheetTitle, w)
	h += vg.Points(float64(2*margin + titleHeight*len(titles) + subtitleSpace*len(s.subtitles()) + belowSubtitle))
	h += vg.Points(float64(legendHeight*len(legendRows(s.groups, w)) + aboveLegend))
	return w + vg.Points(2*margin), h
}

func (s sheet) png() ([]byte, error) {
	w, h := s.fileSize()
	dpi := math.Round(sheetPixels / (float64(w) / float64(vg.Inch)))
	canvas := vgimg.PngCanvas{Canvas: vgimg.NewWith(vgimg.UseWH(w, h), vgimg.UseDPI(int(dpi)))}
	if err := s.drawFile(draw.New(canvas)); err != nil {
		return nil, err
	}
	var b bytes.Buffer
	if _, err := canvas.WriteTo(&b); err != nil {
		return nil, fmt.Errorf("report: encoding figure %s as PNG: %w", s.name, err)
	}
	return b.Bytes(), nil
}

func (s sheet) svg() ([]byte, error) {
	w, h := s.fileSize()
	canvas := vgsvg.New(w, h)
	c := draw.New(canvas)
	c.SetColor(rgb(0xff, 0xff, 0xff))
	c.Fill(c.Rectangle.Path())
	if err := s.drawFile(c); err != nil {
		return nil, err
	}
	return svgFile(canvas, s.name)
}

// inline draws the panels alone as an <svg> element for a page.
func (s sheet) inline() (string, error) {
	w, h := s.size()
	canvas := vgsvg.New(w, h)
	if err := s.drawPanels(draw.New(canvas)); err != nil {
		return "", err
	}
	return svgElement(canvas, s.name, template.HTMLEscapeString(s.title), w, h)
}

// drawFile draws title, task, scale, legend and panels, one below the other.
func (s sheet) drawFile(c draw.Canvas) error {
	c = draw.Crop(c, vg.Points(margin), -vg.Points(margin), vg.Points(margin), -vg.Points(margin))
	w, _ := s.size()
	y := c.Max.Y - vg.Points(13)
	for _, line := range wrap(s.title, sheetTitle, w) {
		c.FillText(textStyle(sheetTitle, inkColour), vg.Point{X: c.Min.X, Y: y}, line)
		y -= vg.Points(titleHeight)
	}
	for _, line := range s.subtitles() {
		style := textStyle(labelSize, lineColour)
		if line.scale {
			style.Color = inkColour
		}
		c.FillText(style, vg.Point{X: c.Min.X, Y: y}, line.text)
		y -= vg.Points(subtitleSpace)
	}
	drawLegend(c, y-vg.Points(belowSubtitle), legendRows(s.groups, w))
	_, h := s.size()
	c.Max.Y = c.Min.Y + h
	return s.drawPanels(c)
}

// drawPanels draws the panels with their heads over the whole canvas, their
// axes aligned. A panic of the plotting library is an error of the figure.
func (s sheet) drawPanels(c draw.Canvas) (err error) {
	defer func() {
		if cause := recover(); cause != nil {
			err = fmt.Errorf("report: figure %s could not be drawn: %v", s.name, cause)
		}
	}()
	plots, err := s.plots()
	if err != nil {
		return fmt.Errorf("report: figure %s could not be drawn: %w", s.name, err)
	}
	tiles := draw.Tiles{
		Rows: s.rows(), Cols: s.columns,
		PadX: vg.Points(sheetGap), PadY: vg.Points(sheetRowGap) + s.head(),
		PadTop: s.head(), PadRight: vg.Points(6),
	}
	canvases := plot.Align(plots, tiles, c)
	for i, p := range s.panels {
		row, column := i/s.columns, i%s.columns
		canvas := canvases[row][column]
		s.drawHead(canvas, p, corner(canvases, row, column))
		if pl := plots[row][column]; pl != nil {
			pl.Draw(canvas)
			continue
		}
		style := textStyle(labelSize, lineColour)
		style.XAlign, style.YAlign = draw.XCenter, draw.YCenter
		canvas.FillText(style, canvas.Center(), "no values")
	}
	return nil
}

// corner is where the column's leftmost and the row's highest canvas end:
// aligning their axes leaves the canvases themselves unequal.
func corner(canvases [][]draw.Canvas, row, column int) vg.Point {
	at := vg.Point{X: canvases[row][column].Min.X, Y: canvases[row][column].Max.Y}
	for _, c := range canvases[row] {
		at.Y = max(at.Y, c.Max.Y)
	}
	for _, r := range canvases {
		at.X = min(at.X, r[column].Min.X)
	}
	return at
}

// drawHead writes a panel's title and axis above the given corner.
func (s sheet) drawHead(c draw.Canvas, p panel, corner vg.Point) {
	x, y := corner.X, corner.Y+s.head()
	if len(s.panels) > 1 {
		c.FillText(textStyle(labelSize+1.5, inkColour), vg.Point{X: x, Y: y - vg.Points(labelSize)}, p.title)
		y -= vg.Points(headHeight - 3)
	}
	c.FillText(textStyle(labelSize, lineColour), vg.Point{X: x, Y: y - vg.Points(labelSize)}, p.axisLabel())
}

// plots are the panels' plots by row and column, over the same epochs or
// steps; nil where there is nothing to draw.
func (s sheet) plots() ([][]*plot.Plot, error) {
	x0, x1 := math.Inf(1), math.Inf(-1)
	for _, p := range s.panels {
		if len(p.curves) > 0 {
			low, high, _, _ := p.limits()
			x0, x1 = math.Min(x0, low), math.Max(x1, high)
		}
	}
	out := make([][]*plot.Plot, s.rows())
	for i := range out {
		out[i] = make([]*plot.Plot, s.columns)
	}
	for i, p := range s.panels {
		if len(p.curves) == 0 {
			continue
		}
		pl, err := newPlot(p)
		if err != nil {
			return nil, err
		}
		pl.X.Min, pl.X.Max = x0, x1
		pl.X.Tick.Marker = linearTicks{whole: !p.epochs || x1-x0 >= 2}
		out[i/s.columns][i%s.columns] = pl
	}
	return out, nil
}

// wrap breaks a text into lines no wider than width, at spaces, or within a
// word that is too long for a line. An empty text has no lines.
func wrap(text string, size float64, width vg.Length) []string {
	style := textStyle(size, inkColour)
	var lines []string
	line := ""
	for _, word := range strings.Fields(text) {
		if line != "" && style.Width(line+" "+word) <= width {
			line += " " + word
			continue
		}
		if line != "" {
			lines = append(lines, line)
		}
		line = ""
		for _, c := range word {
			if line != "" && style.Width(line+string(c)) > width {
				lines = append(lines, line)
				line = ""
			}
			line += string(c)
		}
	}
	if line != "" {
		lines = append(lines, line)
	}
	return lines
}
