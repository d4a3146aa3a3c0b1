package report

import (
	"image/color"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/font"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/text"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

// labelSize is the type size, in points, of everything but the title.
const labelSize = 10.5

// textStyle is the figures' type, left-aligned at its baseline.
func textStyle(size float64, c color.Color) text.Style {
	return text.Style{
		Color:   c,
		Font:    font.Font{Typeface: "Liberation", Variant: "Sans", Size: vg.Points(size)},
		Handler: plot.DefaultTextHandler,
	}
}

// newPlot lays out the panel: axes, grid, then the curves of each group.
func newPlot(p panel) (*plot.Plot, error) {
	pl := plot.New()
	pl.BackgroundColor = nil
	x0, x1, y0, y1 := p.limits()
	styleAxis(&pl.X, "step")
	if p.epochs {
		pl.X.Label.Text = "epoch"
	}
	styleAxis(&pl.Y, "") // drawPanel writes the label
	pl.Y.LineStyle.Width = 0
	pl.X.Tick.Marker = linearTicks{whole: !p.epochs || x1-x0 >= 2}
	pl.Y.Tick.Marker = linearTicks{}
	if p.log {
		pl.Y.Scale = plot.LogScale{}
		pl.Y.Tick.Marker = logTicks{}
	}
	grid := plotter.NewGrid()
	grid.Vertical.Width = 0
	grid.Horizontal = draw.LineStyle{Color: gridColour, Width: vg.Points(0.6)}
	pl.Add(grid)
	for _, layer := range []func(*plot.Plot, panel, curve) error{addBand, addRaw, addSeeds, addMean, addCrosses} {
		for _, c := range p.curves {
			if err := layer(pl, p, c); err != nil {
				return nil, err
			}
		}
	}
	if err := addUnigrams(pl, p, x1); err != nil {
		return nil, err
	}
	pl.X.Min, pl.X.Max, pl.Y.Min, pl.Y.Max = x0, x1, y0, y1
	return pl, nil
}

func styleAxis(a *plot.Axis, label string) {
	a.Label.Text = label
	a.Label.Padding = vg.Points(4)
	for _, style := range []*text.Style{&a.Label.TextStyle, &a.Tick.Label} {
		styled := textStyle(labelSize, inkColour)
		style.Color, style.Font = styled.Color, styled.Font
	}
	a.LineStyle = draw.LineStyle{Color: lineColour, Width: vg.Points(0.7)}
	a.Tick.Length = 0
	a.Padding = vg.Points(3)
}

// addBand fills between low and high of the group's mean, or of its runs if
// it has no mean.
func addBand(pl *plot.Plot, p panel, c curve) error {
	if !p.band {
		return nil
	}
	runs := c.seeds
	if len(c.mean) > 0 {
		runs = [][]point{c.mean}
	}
	for _, points := range runs {
		var ring plotter.XYs
		for _, q := range points {
			ring = append(ring, plotter.XY{X: q.x, Y: q.high})
		}
		for i := len(points) - 1; i >= 0; i-- {
			ring = append(ring, plotter.XY{X: points[i].x, Y: points[i].low})
		}
		polygon, err := plotter.NewPolygon(ring)
		if err != nil {
			return err
		}
		polygon.Color = fade(groupColour(c.group), 0.18)
		polygon.LineStyle.Width = 0
		pl.Add(polygon)
	}
	return nil
}

func addRaw(pl *plot.Plot, _ panel, c curve) error {
	for _, points := range c.raw {
		if err := addLine(pl, points, c.group, 0.6, 0.28); err != nil {
			return err
		}
	}
	return nil
}

// addSeeds draws the runs of a group thinly where it has several or no mean.
func addSeeds(pl *plot.Plot, _ panel, c curve) error {
	if len(c.seeds) == 1 && len(c.mean) > 0 {
		return nil
	}
	for _, points := range c.seeds {
		if err := addLine(pl, points, c.group, 0.9, 0.55); err != nil {
			return err
		}
	}
	return nil
}

func addMean(pl *plot.Plot, _ panel, c curve) error {
	return addLine(pl, c.mean, c.group, 1.8, 1)
}

// addCrosses marks where runs diverged.
func addCrosses(pl *plot.Plot, _ panel, c curve) error {
	return addGlyphs(pl, c.crosses, draw.GlyphStyle{
		Color: groupColour(c.group), Radius: vg.Points(4), Shape: draw.CrossGlyph{},
	})
}

// addUnigrams draws a dashed line over the whole width at each perplexity of
// guessing words by frequency, and says so below its right end.
func addUnigrams(pl *plot.Plot, p panel, right float64) error {
	for _, v := range p.unigrams {
		line := plotter.NewFunction(func(float64) float64 { return v })
		line.Samples = 2
		line.LineStyle = draw.LineStyle{Color: lineColour, Width: vg.Points(1), Dashes: []vg.Length{vg.Points(4), vg.Points(3)}}
		label, err := plotter.NewLabels(plotter.XYLabels{
			XYs: plotter.XYs{{X: right, Y: v}}, Labels: []string{"words by frequency: " + FormatNumber(v, 1)},
		})
		if err != nil {
			return err
		}
		label.TextStyle[0] = textStyle(labelSize-1.5, lineColour)
		label.TextStyle[0].XAlign, label.TextStyle[0].YAlign = draw.XRight, draw.YTop
		label.Offset.Y = -vg.Points(2)
		pl.Add(line, label)
	}
	return nil
}

// addLine draws points as a line, short ones with a dot at each point.
func addLine(pl *plot.Plot, points []point, group int, width, opacity float64) error {
	if len(points) == 0 {
		return nil
	}
	colour := fade(groupColour(group), opacity)
	line, err := plotter.NewLine(xys(points))
	if err != nil {
		return err
	}
	line.LineStyle = draw.LineStyle{Color: colour, Width: vg.Points(width), Dashes: dashes(group)}
	pl.Add(line)
	if len(points) >= dotsBelow {
		return nil
	}
	return addGlyphs(pl, points, draw.GlyphStyle{
		Color: colour, Radius: vg.Points(width * 1.3), Shape: draw.CircleGlyph{},
	})
}

func addGlyphs(pl *plot.Plot, points []point, style draw.GlyphStyle) error {
	if len(points) == 0 {
		return nil
	}
	scatter, err := plotter.NewScatter(xys(points))
	if err != nil {
		return err
	}
	scatter.GlyphStyle = style
	pl.Add(scatter)
	return nil
}

func xys(points []point) plotter.XYs {
	out := make(plotter.XYs, len(points))
	for i, p := range points {
		out[i] = plotter.XY{X: p.x, Y: p.y}
	}
	return out
}

// dashes tells apart groups that share a colour.
func dashes(group int) []vg.Length {
	switch paletteRound(group) {
	case 0:
		return nil
	case 1:
		return []vg.Length{vg.Points(5), vg.Points(2.5)}
	default:
		return []vg.Length{vg.Points(1.5), vg.Points(2)}
	}
}
