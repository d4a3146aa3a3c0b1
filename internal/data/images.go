package data

import (
	"fmt"
	"slices"
)

// Images is a labelled image data set held in memory.
//
// Slice and Subset share memory with the set they come from; nothing in this
// package changes Pixels or Labels after a set is read.
type Images struct {
	// Name of the set, as Load takes it.
	Name string
	// Height and Width of every image in pixels; Channels is 1 (grey) or 3 (red, green, blue).
	Height, Width, Channels int
	// Classes is the number of classes; labels lie in [0, Classes).
	Classes int
	// ClassNames has one name a class, or is nil.
	ClassNames []string
	// Pixels has shape [Len, Height, Width, Channels], row-major, values 0 to 255.
	Pixels []byte
	// Labels has shape [Len].
	Labels []int32
}

// Len is the number of examples.
func (im *Images) Len() int { return len(im.Labels) }

// PixelsPerImage is Height x Width x Channels.
func (im *Images) PixelsPerImage() int { return im.Height * im.Width * im.Channels }

// Image returns the pixels of example i, shape [Height, Width, Channels]. It
// shares memory with the set.
func (im *Images) Image(i int) []byte {
	size := im.PixelsPerImage()
	return im.Pixels[i*size : (i+1)*size : (i+1)*size]
}

// Slice returns examples from (included) to to (excluded), without copying.
func (im *Images) Slice(from, to int) (*Images, error) {
	if from < 0 || to > im.Len() || from >= to {
		return nil, fmt.Errorf("data: %s: no examples %d to %d in a set of %d: give a range inside it", im.Name, from, to, im.Len())
	}
	part := *im
	size := im.PixelsPerImage()
	part.Pixels = im.Pixels[from*size : to*size : to*size]
	part.Labels = im.Labels[from:to:to]
	return &part, nil
}

// Subset returns the first n examples, without copying.
func (im *Images) Subset(n int) (*Images, error) { return im.Slice(0, n) }

// Validate reports the first thing that is wrong with the set: no examples,
// lengths that disagree, or a label outside [0, Classes).
func (im *Images) Validate() error {
	switch {
	case im.Height < 1 || im.Width < 1 || im.Channels < 1:
		return fmt.Errorf("data: %s: image size %dx%dx%d is not positive: set Height, Width and Channels", im.Name, im.Height, im.Width, im.Channels)
	case im.Classes < 1:
		return fmt.Errorf("data: %s: %d classes: set Classes to at least 1", im.Name, im.Classes)
	case im.ClassNames != nil && len(im.ClassNames) != im.Classes:
		return fmt.Errorf("data: %s: %d class names for %d classes: give one a class, or none", im.Name, len(im.ClassNames), im.Classes)
	case im.Len() == 0:
		return fmt.Errorf("data: %s: the set is empty: give at least one example", im.Name)
	case len(im.Pixels)%im.PixelsPerImage() != 0 || len(im.Pixels)/im.PixelsPerImage() != im.Len():
		return fmt.Errorf("data: %s: %d bytes of pixels for %d labels of %dx%dx%d images: images and labels do not belong together",
			im.Name, len(im.Pixels), im.Len(), im.Height, im.Width, im.Channels)
	}
	for i, label := range im.Labels {
		if label < 0 || int(label) >= im.Classes {
			return fmt.Errorf("data: %s: example %d has label %d, but labels go from 0 to %d: the file is damaged or of another data set", im.Name, i, label, im.Classes-1)
		}
	}
	return nil
}

// everyClass refuses a set that has no example of some class. what and where say
// which part of the data set it is and which folder it was read from.
func (im *Images) everyClass(what, where string) error {
	there := make([]bool, im.Classes)
	for _, label := range im.Labels {
		there[label] = true
	}
	class := slices.Index(there, false)
	if class < 0 {
		return nil
	}
	name := ""
	if im.ClassNames != nil {
		name = fmt.Sprintf(" (%s)", im.ClassNames[class])
	}
	return fmt.Errorf("data: %s: no image of class %d%s among the %d %s images in %s: the files are damaged or of another data set; get them again",
		im.Name, class, name, im.Len(), what, where)
}
