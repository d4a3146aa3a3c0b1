package report

import (
	"fmt"
	"image/color"
	"regexp"
	"strconv"
	"strings"
)

// Colours of a figure's parts, in light mode. In the HTML page each is
// replaced by the custom property of the same role, so that the page decides
// how it looks in dark mode; therefore no two may be equal.
var (
	inkColour  = rgb(0x3b, 0x43, 0x4c) // text
	lineColour = rgb(0x8c, 0x95, 0x9f) // axes
	gridColour = rgb(0xe3, 0xe7, 0xeb) // grid
)

// lightPalette and darkPalette colour the groups, in order. Both follow the
// palette of Okabe and Ito, which people with the common forms of colour
// blindness can tell apart; darkened or lightened where it would be hard to
// see on the page.
var (
	lightPalette = []color.NRGBA{
		rgb(0x00, 0x72, 0xb2), rgb(0xd5, 0x5e, 0x00), rgb(0x00, 0x9e, 0x73), rgb(0xcc, 0x79, 0xa7),
		rgb(0xc9, 0x8a, 0x00), rgb(0x56, 0xb4, 0xe9), rgb(0x6b, 0x4e, 0x9e), rgb(0x7a, 0x7a, 0x7a),
	}
	darkPalette = []color.NRGBA{
		rgb(0x4d, 0xa8, 0xe8), rgb(0xff, 0x8a, 0x3d), rgb(0x2f, 0xc9, 0x9b), rgb(0xe3, 0x9a, 0xc4),
		rgb(0xf0, 0xc0, 0x40), rgb(0x9a, 0xd4, 0xf7), rgb(0xb3, 0x9d, 0xe0), rgb(0xb5, 0xb5, 0xb5),
	}
)

// groupColour is the colour of the group with the given index; there are as
// many as in the palette, then they repeat with another dash.
func groupColour(index int) color.NRGBA {
	return lightPalette[index%len(lightPalette)]
}

// paletteRound is how often the palette was used up before this group.
func paletteRound(index int) int { return index / len(lightPalette) }

func rgb(r, g, b uint8) color.NRGBA { return color.NRGBA{R: r, G: g, B: b, A: 0xff} }

// fade gives the colour the opacity, 0 to 1.
func fade(c color.NRGBA, opacity float64) color.NRGBA {
	c.A = uint8(255*opacity + 0.5)
	return c
}

// hex is the colour as written in SVG and CSS: #RRGGBB.
func hex(c color.NRGBA) string {
	return fmt.Sprintf("#%02X%02X%02X", c.R, c.G, c.B)
}

// svgColour matches a colour as the plotting library writes it.
var svgColour = regexp.MustCompile(`#[0-9A-F]{6}\b`)

// themed replaces the colours in an SVG by the page's custom properties. The
// nearest one is meant: the plotting library rounds colours that have an
// opacity.
func themed(svg string) string {
	return svgColour.ReplaceAllStringFunc(svg, func(text string) string {
		v, _ := strconv.ParseUint(text[1:], 16, 32) // the pattern admits only numbers
		c := rgb(uint8(v>>16), uint8(v>>8), uint8(v))
		best, property := distance(c, inkColour), "ink"
		consider := func(d int, name string) {
			if d < best {
				best, property = d, name
			}
		}
		consider(distance(c, lineColour), "line")
		consider(distance(c, gridColour), "grid")
		for i, g := range lightPalette {
			consider(distance(c, g), groupProperty(i))
		}
		return "var(--" + property + ")"
	})
}

// distance is the sum of the differences of the colours' parts.
func distance(a, b color.NRGBA) int {
	d := 0
	for _, pair := range [][2]uint8{{a.R, b.R}, {a.G, b.G}, {a.B, b.B}} {
		d += int(max(pair[0], pair[1])) - int(min(pair[0], pair[1]))
	}
	return d
}

// groupProperty names the custom property with the group's colour.
func groupProperty(index int) string {
	return "g" + strconv.Itoa(index%len(lightPalette))
}

// paletteCSS sets the custom properties of the groups' colours.
func paletteCSS(palette []color.NRGBA) string {
	var b strings.Builder
	for i, c := range palette {
		fmt.Fprintf(&b, "--%s:%s;", groupProperty(i), hex(c))
	}
	return b.String()
}
