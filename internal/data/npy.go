package data

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"

	"codeberg.org/sbinet/npyio/npy"
)

// maxNPYHeader is how long the header of an NPY array may be, in bytes. NumPy
// writes 118 for the arrays that are read here.
const maxNPYHeader = 4096

// npyHeader is what the head of an array in NumPy's NPY format says.
type npyHeader struct {
	// kind is the type of a value as NumPy writes it, such as "'|u1'" or "'<i8'".
	kind string
	// shape has one length a dimension; none is negative.
	shape []int
	// fortran tells that the first index runs fastest, not the last.
	fortran bool
	// bytes is how much of the file the head takes; the values follow.
	bytes int64
}

// readNPYHeader reads the head of an array and leaves r at its first value. The
// text is cut out here, no longer than maxNPYHeader, and parsed by npyio, which
// by itself makes room for whatever length the file claims and panics on text
// that is no header.
func readNPYHeader(r io.Reader) (npyHeader, error) {
	head := make([]byte, 8, 12) // magic and version, then the length of the text in 2 or 4 bytes
	if _, err := io.ReadFull(r, head); err != nil {
		return npyHeader{}, err
	}
	if !bytes.HasPrefix(head, npy.Magic[:]) {
		return npyHeader{}, errors.New("it does not start as a NumPy array")
	}
	width := 2
	if head[6] > 1 {
		width = 4
	}
	head = head[:8+width]
	if _, err := io.ReadFull(r, head[8:]); err != nil {
		return npyHeader{}, err
	}
	length := uint32(binary.LittleEndian.Uint16(head[8:]))
	if width == 4 {
		length = binary.LittleEndian.Uint32(head[8:])
	}
	if length > maxNPYHeader {
		return npyHeader{}, fmt.Errorf("its header claims %d bytes, more than %d", length, maxNPYHeader)
	}
	text := make([]byte, length)
	if _, err := io.ReadFull(r, text); err != nil {
		return npyHeader{}, err
	}
	for _, b := range bytes.TrimSuffix(text, []byte("\n")) {
		if b < ' ' || b > '~' { // NumPy writes no others, and errors quote the text
			return npyHeader{}, fmt.Errorf("its header is damaged (it has a byte %#02x)", b)
		}
	}
	return parseNPYHeader(append(head, text...))
}

// parseNPYHeader gives a whole head to npyio and turns a panic into an error.
func parseNPYHeader(head []byte) (header npyHeader, err error) {
	defer func() {
		if recover() != nil {
			err = errors.New("its header is damaged")
		}
	}()
	array, err := npy.NewReader(bytes.NewReader(head))
	if err != nil {
		return npyHeader{}, fmt.Errorf("its header is damaged (%w)", err)
	}
	descr := array.Header.Descr
	for i, d := range descr.Shape {
		if d < 0 {
			return npyHeader{}, fmt.Errorf("its header gives dimension %d as %d", i, d)
		}
	}
	return npyHeader{kind: descr.Type, shape: descr.Shape, fortran: descr.Fortran, bytes: int64(len(head))}, nil
}

// npyInteger says how the whole numbers of an array are stored.
type npyInteger struct {
	size   int // bytes: 1, 2, 4 or 8
	signed bool
	big    bool // the most significant byte comes first
}

// parseNPYInteger reads a type such as "'<i8'": the order of the bytes, signed
// or unsigned, and the size.
func parseNPYInteger(kind string) (npyInteger, error) {
	refused := fmt.Errorf("has values of type %s, want whole numbers", kind)
	if len(kind) != 5 || kind[0] != '\'' || kind[4] != '\'' {
		return npyInteger{}, refused
	}
	n := npyInteger{size: int(kind[3] - '0'), signed: kind[2] == 'i', big: kind[1] == '>'}
	switch {
	case kind[1] != '<' && kind[1] != '>' && kind[1] != '|', kind[2] != 'i' && kind[2] != 'u', !slices.Contains([]int{1, 2, 4, 8}, n.size):
		return npyInteger{}, refused
	}
	return n, nil
}

// value decodes one number. An unsigned one beyond int64 comes out negative.
func (n npyInteger) value(b []byte) int64 {
	var v uint64
	for i := range n.size {
		if n.big {
			v = v<<8 | uint64(b[i])
		} else {
			v |= uint64(b[i]) << (8 * i)
		}
	}
	if n.signed {
		unused := 64 - 8*n.size
		return int64(v<<unused) >> unused
	}
	return int64(v)
}
