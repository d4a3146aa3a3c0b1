package data

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"path/filepath"
)

// The CIFAR binary layout (A. Krizhevsky, cs.toronto.edu/~kriz/cifar.html):
// records of one label byte (CIFAR-10) or a coarse and a fine label byte
// (CIFAR-100), then 1,024 red, 1,024 green and 1,024 blue bytes, row by row.
const (
	cifarSide   = 32
	cifarPlane  = cifarSide * cifarSide
	cifarPixels = 3 * cifarPlane
)

// cifarLayout describes the label bytes at the head of a record.
type cifarLayout struct {
	// bounds has one entry a label byte: the number of classes it may name.
	bounds []int
	// use is the label byte that becomes the example's label.
	use int
}

var (
	cifar10Layout        = cifarLayout{bounds: []int{10}}
	cifar100CoarseLayout = cifarLayout{bounds: []int{20, 100}, use: 0}
	cifar100FineLayout   = cifarLayout{bounds: []int{20, 100}, use: 1}
)

func (c cifarLayout) record() int { return len(c.bounds) + cifarPixels }

// ReadCIFAR10 reads CIFAR-10 records until r ends: pixels of shape
// [n, 32, 32, 3] and n labels below 10. More than limit records, none, a cut
// record or a label out of range is an error, in which name appears. Memory
// grows with what is read.
func ReadCIFAR10(r io.Reader, name string, limit int) (pixels []byte, labels []int32, err error) {
	return cifar10Layout.read(r, name, limit, nil, nil)
}

// ReadCIFAR100 is ReadCIFAR10 for CIFAR-100; the labels are the 20 coarse ones
// or, if fine is set, the 100 fine ones. Both are checked.
func ReadCIFAR100(r io.Reader, name string, limit int, fine bool) (pixels []byte, labels []int32, err error) {
	layout := cifar100CoarseLayout
	if fine {
		layout = cifar100FineLayout
	}
	return layout.read(r, name, limit, nil, nil)
}

// read appends the records of r to pixels and labels.
func (c cifarLayout) read(r io.Reader, name string, limit int, pixels []byte, labels []int32) ([]byte, []int32, error) {
	buffered := bufio.NewReaderSize(r, 1<<16)
	record := make([]byte, c.record())
	for n := 0; ; n++ {
		_, err := io.ReadFull(buffered, record)
		switch {
		case errors.Is(err, io.EOF) && n == 0:
			return nil, nil, fmt.Errorf("data: %s: the file is empty: fetch it again", name)
		case errors.Is(err, io.EOF):
			return pixels, labels, nil
		case err != nil:
			return nil, nil, shortFile(name, fmt.Sprintf("inside record %d (records have %d bytes)", n, c.record()), err)
		case n >= limit:
			return nil, nil, fmt.Errorf("data: %s: more than the %d records it should have: the file is damaged or of another data set", name, limit)
		}
		for i, bound := range c.bounds {
			if int(record[i]) >= bound {
				return nil, nil, fmt.Errorf("data: %s: record %d has label %d, but labels go from 0 to %d: the file is damaged or of another data set", name, n, record[i], bound-1)
			}
		}
		labels = append(labels, int32(record[c.use]))
		pixels = appendInterleaved(pixels, record[len(c.bounds):])
	}
}

// appendInterleaved appends an image given as three planes, channels last.
func appendInterleaved(pixels, planes []byte) []byte {
	red, green, blue := planes[:cifarPlane], planes[cifarPlane:2*cifarPlane], planes[2*cifarPlane:cifarPixels]
	var image [cifarPixels]byte
	for i := range cifarPlane {
		image[3*i], image[3*i+1], image[3*i+2] = red[i], green[i], blue[i]
	}
	return append(pixels, image[:]...)
}

// cifarLoader makes a dataSet's load function from its layout and file names.
func cifarLoader(layout cifarLayout, trainFiles, testFiles []string) func(*dataSet, string) (*Images, *Images, error) {
	return func(set *dataSet, dir string) (train, test *Images, err error) {
		if train, err = loadCIFAR(set.info, layout, dir, trainFiles, set.info.Train); err != nil {
			return nil, nil, err
		}
		if test, err = loadCIFAR(set.info, layout, dir, testFiles, set.info.Test); err != nil {
			return nil, nil, err
		}
		return train, test, nil
	}
}

// loadCIFAR reads count records spread evenly over files.
func loadCIFAR(info Info, layout cifarLayout, dir string, files []string, count int) (*Images, error) {
	each := count / len(files)
	var pixels []byte
	var labels []int32
	for _, base := range files {
		path := filepath.Join(dir, base)
		file, size, err := openRegular(path)
		if err != nil {
			return nil, err
		}
		if want := int64(each) * int64(layout.record()); size != want {
			file.Close()
			return nil, fmt.Errorf("data: %s: %d bytes, want %d: the file is cut short or not the binary version of %s; fetch it again", path, size, want, info.Title)
		}
		if pixels == nil { // the size is now known to be backed by a file
			pixels, labels = make([]byte, 0, count*cifarPixels), make([]int32, 0, count)
		}
		pixels, labels, err = layout.read(file, path, each, pixels, labels)
		file.Close()
		if err != nil {
			return nil, err
		}
	}
	return newImages(info, pixels, labels)
}
