// Package imagegrid writes images as PNG: many in one picture, in rows and columns,
// or each in a file of its own. It also names and finds the pictures that a GAN's
// run leaves of its progress.
package imagegrid

import (
	"fmt"
	"image"
	"image/png"
	"io"

	"github.com/kafisto/kafisto/internal/atomicfile"
	"github.com/kafisto/kafisto/internal/data"
)

// margin is the number of white pixels around every image of a picture.
const margin = 2

// canvas is a picture that is being put together. It begins white.
type canvas struct {
	image.Image
	pixels        []byte // of the picture
	stride, depth int    // bytes of a row, and of a pixel
}

func newCanvas(width, height, channels int) canvas {
	bounds := image.Rect(0, 0, width, height)
	var c canvas
	if channels == 1 {
		grey := image.NewGray(bounds)
		c = canvas{grey, grey.Pix, grey.Stride, 1}
	} else {
		coloured := image.NewRGBA(bounds)
		c = canvas{coloured, coloured.Pix, coloured.Stride, 4}
	}
	for i := range c.pixels {
		c.pixels[i] = 0xff
	}
	return c
}

// paste copies image i with its upper left corner to (x, y).
func (c canvas) paste(images *data.Images, i, x, y int) {
	channels, from := images.Channels, images.Image(i)
	for line := range images.Height {
		row := c.pixels[(y+line)*c.stride+x*c.depth:]
		for column := range images.Width {
			copy(row[column*c.depth:], from[:channels])
			from = from[channels:]
		}
	}
}

func (c canvas) encode(w io.Writer) error {
	if err := png.Encode(w, c.Image); err != nil {
		return fmt.Errorf("imagegrid: writing PNG: %w", err)
	}
	return nil
}

// Write writes the images as one picture at path, as Encode does. The file is
// replaced as a whole or left as it was; its folder must exist.
func Write(path string, images *data.Images, columns int) error {
	err := atomicfile.Write(path, func(w io.Writer) error { return Encode(w, images, columns) })
	if err != nil {
		return fmt.Errorf("imagegrid: %w", err)
	}
	return nil
}

// Encode writes the images, of one channel (grey) or three, as one picture in PNG:
// row by row, so many side by side, with white margins of two pixels. Fewer images
// than columns make a row as long as they are. A set without images is an error.
func Encode(w io.Writer, images *data.Images, columns int) error {
	if err := check(images); err != nil {
		return err
	}
	if columns < 1 {
		return fmt.Errorf("imagegrid: %d columns: give at least 1", columns)
	}
	columns = min(columns, images.Len())
	rows := (images.Len() + columns - 1) / columns
	across, down := images.Width+margin, images.Height+margin
	picture := newCanvas(margin+columns*across, margin+rows*down, images.Channels)
	for i := range images.Len() {
		picture.paste(images, i, margin+i%columns*across, margin+i/columns*down)
	}
	return picture.encode(w)
}

// check refuses what makes no picture.
func check(images *data.Images) error {
	if err := images.Validate(); err != nil {
		return fmt.Errorf("imagegrid: %w", err)
	}
	if c := images.Channels; c != 1 && c != 3 {
		return fmt.Errorf("imagegrid: images of %s have %d channels: give images of 1 (grey) or 3 (red, green, blue)", images.Name, c)
	}
	return nil
}
