package report

import (
	"fmt"
	"strings"

	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/vgsvg"
)

// fontFamily is what SVG text is set in; the widths of all but the last agree.
const fontFamily = "'Liberation Sans',Arial,Helvetica,sans-serif"

// svgFile is the canvas as an SVG file.
func svgFile(canvas *vgsvg.Canvas, name string) ([]byte, error) {
	svg, err := svgText(canvas, name)
	if err != nil {
		return nil, err
	}
	return []byte(strings.ReplaceAll(svg, "font-family:Liberation Sans;", "font-family:"+fontFamily+";")), nil
}

// svgElement is the canvas as an <svg> element whose colours are the page's
// custom properties. The label must be safe in an attribute.
func svgElement(canvas *vgsvg.Canvas, name, label string, w, h vg.Length) (string, error) {
	svg, err := svgText(canvas, name)
	if err != nil {
		return "", err
	}
	_, body, found := strings.Cut(svg, "xlink\">\n")
	if !found {
		return "", fmt.Errorf("report: figure %s: the plotting library's SVG has an unknown header", name)
	}
	body = strings.ReplaceAll(body, "font-family:Liberation Sans;font-variant:normal;font-weight:normal;font-style:normal;", "")
	head := fmt.Sprintf("<svg viewBox=\"0 0 %g %g\" role=\"img\" aria-label=\"%s\">\n", w.Points(), h.Points(), label)
	return head + themed(body), nil
}

func svgText(canvas *vgsvg.Canvas, name string) (string, error) {
	var b strings.Builder
	if _, err := canvas.WriteTo(&b); err != nil {
		return "", fmt.Errorf("report: writing figure %s as SVG: %w", name, err)
	}
	return b.String(), nil
}
