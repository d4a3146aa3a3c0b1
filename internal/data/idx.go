package data

import (
	"bufio"
	"compress/gzip"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"path/filepath"
)

// idxUint8 is the type byte of an IDX file of unsigned bytes, the only type
// that MNIST-like sets use.
const idxUint8 = 0x08

// ReadIDX reads one IDX file of unsigned bytes, plain or gzipped: two zero
// bytes, the type, the number of dimensions, each dimension as a big-endian
// uint32, then the values. name appears in errors.
//
// The file must have exactly rank dimensions and at most maxValues values, and
// must end where its header says. Memory grows with what is read, never with
// what the header claims.
func ReadIDX(r io.Reader, name string, rank, maxValues int) (dims []int, values []byte, err error) {
	r, err = maybeGunzip(r, name)
	if err != nil {
		return nil, nil, err
	}
	header := make([]byte, 4+4*rank)
	if _, err := io.ReadFull(r, header); err != nil {
		return nil, nil, shortFile(name, "inside its header", err)
	}
	if header[0] != 0 || header[1] != 0 || header[2] != idxUint8 || int(header[3]) != rank {
		return nil, nil, fmt.Errorf("data: %s: starts with % x, want 00 00 08 %02x: not an IDX file of bytes in %d dimensions; fetch the file again", name, header[:4], rank, rank)
	}
	want := 1
	for i := range rank {
		d := int(binary.BigEndian.Uint32(header[4+4*i:]))
		if d < 1 || d > maxValues/want {
			return nil, nil, fmt.Errorf("data: %s: its header gives dimension %d as %d, out of range for this data set: the file is damaged; fetch it again", name, i, uint32(d))
		}
		dims = append(dims, d)
		want *= d
	}
	values, err = io.ReadAll(io.LimitReader(r, int64(want)+1))
	switch {
	case len(values) < want && (err == nil || errors.Is(err, io.ErrUnexpectedEOF)):
		return nil, nil, shortFile(name, fmt.Sprintf("after %d of %d values", len(values), want), io.ErrUnexpectedEOF)
	case err != nil:
		return nil, nil, fmt.Errorf("data: %s: cannot be read to its end (%w): fetch it again", name, err)
	case len(values) > want:
		return nil, nil, fmt.Errorf("data: %s: goes on after the %d values of its header: the file is damaged; fetch it again", name, want)
	}
	return dims, values, nil
}

// WriteIDX writes values in the shape dims as a plain IDX file of unsigned bytes.
func WriteIDX(w io.Writer, dims []int, values []byte) error {
	header := []byte{0, 0, idxUint8, byte(len(dims))}
	want := 1
	for _, d := range dims {
		header = binary.BigEndian.AppendUint32(header, uint32(d))
		want *= d
	}
	if want != len(values) {
		return fmt.Errorf("data: %d values do not fill the IDX shape %v", len(values), dims)
	}
	if _, err := w.Write(header); err != nil {
		return err
	}
	_, err := w.Write(values)
	return err
}

// maybeGunzip unpacks r where it starts like a gzip file.
func maybeGunzip(r io.Reader, name string) (io.Reader, error) {
	buffered := bufio.NewReaderSize(r, 1<<16)
	if magic, _ := buffered.Peek(2); len(magic) < 2 || magic[0] != 0x1f || magic[1] != 0x8b {
		return buffered, nil
	}
	unpacked, err := gzip.NewReader(buffered)
	if err != nil {
		return nil, fmt.Errorf("data: %s: not a whole gzip file (%w): fetch it again", name, err)
	}
	return unpacked, nil
}

// shortFile is the error of a file that ends too early; another error of the
// reader is passed on.
func shortFile(name, where string, err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return fmt.Errorf("data: %s: ends %s: the file is cut short; fetch it again", name, where)
	}
	return fmt.Errorf("data: %s: cannot read: %w", name, err)
}

// loadIDX reads the four files of an MNIST-like set from dir, each plain or
// with the ending .gz.
func loadIDX(set *dataSet, dir string) (train, test *Images, err error) {
	if train, err = loadIDXPair(set, dir, "train", set.info.Train); err != nil {
		return nil, nil, err
	}
	if test, err = loadIDXPair(set, dir, "t10k", set.info.Test); err != nil {
		return nil, nil, err
	}
	return train, test, nil
}

func loadIDXPair(set *dataSet, dir, prefix string, count int) (*Images, error) {
	info := set.info
	shape, pixels, err := readIDXFile(dir, prefix+"-images-idx3-ubyte", 3, count*info.Height*info.Width)
	if err != nil {
		return nil, err
	}
	if shape[1] != info.Height || shape[2] != info.Width {
		return nil, fmt.Errorf("data: %s-images-idx3-ubyte in %s: images of %dx%d, want %dx%d: this is not %s", prefix, dir, shape[1], shape[2], info.Height, info.Width, info.Title)
	}
	_, labels, err := readIDXFile(dir, prefix+"-labels-idx1-ubyte", 1, count)
	if err != nil {
		return nil, err
	}
	if shape[0] != count || len(labels) != count {
		return nil, fmt.Errorf("data: %s-* in %s: %d images and %d labels, want %d of each: fetch the files again", prefix, dir, shape[0], len(labels), count)
	}
	return newImages(info, pixels, widen(labels))
}

// readIDXFile reads dir/base or, where there is none, dir/base.gz.
func readIDXFile(dir, base string, rank, maxValues int) ([]int, []byte, error) {
	file, path, err := openPlainOrGzip(filepath.Join(dir, base))
	if err != nil {
		return nil, nil, err
	}
	defer file.Close()
	return ReadIDX(file, path, rank, maxValues)
}

// widen turns label bytes into the labels of Images.
func widen(labels []byte) []int32 {
	out := make([]int32, len(labels))
	for i, l := range labels {
		out[i] = int32(l)
	}
	return out
}
