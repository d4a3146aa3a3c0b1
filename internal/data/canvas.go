package data

import (
	"fmt"
	"slices"
)

// Canvas returns the images on black squares of size x size pixels, in the middle,
// in three channels: what networks of one size and for colours take. It is an error
// if they are larger. Images of that form are returned as they are.
func (im *Images) Canvas(size int) (*Images, error) {
	if im.Height > size || im.Width > size {
		return nil, fmt.Errorf("data: images of %s are %dx%d pixels: they do not fit into %dx%d", im.Name, im.Height, im.Width, size, size)
	}
	out := *im
	out.Height, out.Width, out.Channels = size, size, 3
	if im.Height == size && im.Width == size && im.Channels == 3 {
		return &out, nil
	}
	out.Pixels = make([]byte, im.Len()*out.PixelsPerImage())
	for i := range im.Len() {
		from, to := im.Image(i), out.Image(i)
		onCanvas(im, size, func(inside, on int) {
			for c := range 3 {
				to[on*3+c] = from[inside*im.Channels+c%im.Channels]
			}
		})
	}
	return &out, nil
}

// OffCanvas is the inverse of Canvas: it returns images that a network has made on
// canvases in the form of the set's. What is outside is cut away, and grey is the
// channels' mean. The images have no labels to speak of: all are of class 0.
func (im *Images) OffCanvas(canvases *Images) (*Images, error) {
	size := canvases.Height
	if canvases.Width != size || canvases.Channels != 3 || im.Height > size || im.Width > size {
		return nil, fmt.Errorf("data: canvases of %dx%dx%d do not hold images of %s, %dx%dx%d",
			canvases.Height, canvases.Width, canvases.Channels, im.Name, im.Height, im.Width, im.Channels)
	}
	out := &Images{
		Name: im.Name, Height: im.Height, Width: im.Width, Channels: im.Channels, Classes: im.Classes, ClassNames: slices.Clone(im.ClassNames),
		Pixels: make([]byte, canvases.Len()*im.PixelsPerImage()), Labels: make([]int32, canvases.Len()),
	}
	for i := range canvases.Len() {
		from, to := canvases.Image(i), out.Image(i)
		onCanvas(im, size, func(inside, on int) {
			pixel := from[on*3 : on*3+3]
			if im.Channels == 3 {
				copy(to[inside*3:], pixel)
				return
			}
			to[inside] = byte((int(pixel[0]) + int(pixel[1]) + int(pixel[2]) + 1) / 3)
		})
	}
	return out, nil
}

// onCanvas calls visit for each pixel of an image of the set: its number inside of
// the image, and on a canvas.
func onCanvas(im *Images, size int, visit func(inside, on int)) {
	top, left := (size-im.Height)/2, (size-im.Width)/2
	for y := range im.Height {
		for x := range im.Width {
			visit(y*im.Width+x, (top+y)*size+left+x)
		}
	}
}
