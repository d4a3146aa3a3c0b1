package report

import (
	"fmt"
	"image/color"
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
