package data

import "math/bits"

// Augmentation changes training images at random. The zero value changes
// nothing. The paper's CIFAR setting is {Pad: 4, Flip: true}.
type Augmentation struct {
	// Pad surrounds the image with so many pixels of value 0 (black, before
	// normalisation) on each side, then crops the original size at a uniformly
	// drawn place. 0 crops nothing.
	Pad int
	// Flip mirrors the image left to right with probability one half.
	Flip bool
}

// view is what an augmentation drew for one example: the pixel at (y, x) of the
// result is the one at (y+dy, x+dx) of the image, x counted from the right if
// flip is set; outside the image it is 0.
type view struct {
	dy, dx int
	flip   bool
}

// draw is a pure function of the augmentation and (seed, epoch, index).
func (a Augmentation) draw(seed uint64, epoch, index int) view {
	if a == (Augmentation{}) {
		return view{}
	}
	first := mix(seed, augmentTag, uint64(epoch), uint64(index))
	second := splitmix(first)
	third := splitmix(second)
	return view{
		dy:   below(first, 2*a.Pad+1) - a.Pad,
		dx:   below(second, 2*a.Pad+1) - a.Pad,
		flip: a.Flip && third>>63 == 1,
	}
}

// below maps 64 random bits onto 0 to n-1.
func below(random uint64, n int) int {
	high, _ := bits.Mul64(random, uint64(n))
	return int(high)
}

// normaliser holds the normalised value of every pixel value: 256 a channel.
type normaliser [][256]float32

// newNormaliser tabulates (value - mean) / std for each channel.
func newNormaliser(mean, std []float32) normaliser {
	table := make(normaliser, len(mean))
	for c := range table {
		for v := range table[c] {
			table[c][v] = float32((float64(v) - float64(mean[c])) / float64(std[c]))
		}
	}
	return table
}

// render writes the view v of an image of shape [height, width, channels] into
// out, normalised, in the same shape.
func (n normaliser) render(out []float32, image []byte, height, width int, v view) {
	row := width * len(n)
	left := min(max(-v.dx, 0), width)             // columns of padding on the left
	right := min(max(v.dx, 0), width)             // and on the right
	from, count := right*len(n), width-left-right // the first value to take, and how many columns
	for y := range height {
		dest := out[y*row : (y+1)*row]
		sy := y + v.dy
		if sy < 0 || sy >= height || count <= 0 {
			n.pad(dest)
			continue
		}
		split := (left + count) * len(n)
		n.pad(dest[:left*len(n)])
		n.copy(dest[left*len(n):split], image[sy*row+from:sy*row+from+count*len(n)])
		n.pad(dest[split:])
		if v.flip {
			mirror(dest, len(n))
		}
	}
}

// copy normalises src into dest, both whole pixels, of the same length.
func (n normaliser) copy(dest []float32, src []byte) {
	dest = dest[:len(src)]
	switch len(n) {
	case 1:
		grey := &n[0]
		for i, v := range src {
			dest[i] = grey[v]
		}
	case 3:
		red, green, blue := &n[0], &n[1], &n[2]
		for len(src) >= 3 && len(dest) >= 3 {
			dest[0], dest[1], dest[2] = red[src[0]], green[src[1]], blue[src[2]]
			src, dest = src[3:], dest[3:]
		}
	default:
		for i, v := range src {
			dest[i] = n[i%len(n)][v]
		}
	}
}

// pad fills dest with normalised black pixels.
func (n normaliser) pad(dest []float32) {
	for i := range dest {
		dest[i] = n[i%len(n)][0]
	}
}

// mirror reverses the pixels of a row, each of so many channels.
func mirror(row []float32, channels int) {
	for a, b := 0, len(row)-channels; a < b; a, b = a+channels, b-channels {
		for c := range channels {
			row[a+c], row[b+c] = row[b+c], row[a+c]
		}
	}
}
