package safetensors

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
)

// Header is what a file says about its tensors.
type Header struct {
	Tensors  []Tensor          // in the order of their values
	Metadata map[string]string // nil when there is none
}

// ReadHeader reads and checks the header of a file of size bytes; r then stands
// at the first tensor's values. Whatever the file claims, no more memory is
// taken than a small multiple of size. The values of the tensors fill the rest
// of the file exactly, each has the bytes that its shape needs, and names are
// unique, else the error says what is wrong.
func ReadHeader(r io.Reader, size int64) (*Header, error) {
	var prefix [8]byte
	if _, err := io.ReadFull(r, prefix[:]); err != nil {
		return nil, fmt.Errorf("safetensors: the file of %d bytes is too short: %w", size, err)
	}
	length := binary.LittleEndian.Uint64(prefix[:])
	if length > MaxHeader || size < 8 || length > uint64(size-8) {
		return nil, fmt.Errorf("safetensors: the header claims %d bytes in a file of %d", length, size)
	}
	text := make([]byte, length)
	if _, err := io.ReadFull(r, text); err != nil {
		return nil, fmt.Errorf("safetensors: the header is cut off: %w", err)
	}
	header, err := parse(text)
	if err != nil {
		return nil, fmt.Errorf("safetensors: the header is wrong: %w", err)
	}
	if err := check(header.Tensors, size-8-int64(length)); err != nil {
		return nil, fmt.Errorf("safetensors: the header is wrong: %w", err)
	}
	return header, nil
}

// parse reads the header key by key, as a map would hide a name that is there twice.
func parse(text []byte) (*Header, error) {
	in := json.NewDecoder(bytes.NewReader(text))
	if open, err := in.Token(); err != nil || open != json.Delim('{') {
		return nil, errors.New("it is no JSON object")
	}
	header := &Header{}
	seen := map[string]bool{}
	for in.More() {
		token, err := in.Token()
		if err != nil {
			return nil, err
		}
		name, ok := token.(string)
		if !ok || seen[name] {
			return nil, fmt.Errorf("%q is there twice", name)
		}
		seen[name] = true
		if name == metadataKey {
			err = in.Decode(&header.Metadata)
		} else {
			err = parseTensor(in, name, header)
		}
		if err != nil {
			return nil, fmt.Errorf("%q: %w", name, err)
		}
	}
	if _, err := in.Token(); err != nil {
		return nil, err
	}
	if _, err := in.Token(); err != io.EOF {
		return nil, errors.New("something stands behind the JSON object")
	}
	return header, nil
}

func parseTensor(in *json.Decoder, name string, header *Header) error {
	var e entry
	if err := in.Decode(&e); err != nil {
		return err
	}
	if e.Shape == nil || len(e.Offsets) != 2 {
		return errors.New("shape or data_offsets is missing")
	}
	header.Tensors = append(header.Tensors, Tensor{name, e.DType, e.Shape, e.Offsets[0], e.Offsets[1]})
	return nil
}

// check orders the tensors and sees that they fill dataSize bytes exactly.
func check(tensors []Tensor, dataSize int64) error {
	slices.SortStableFunc(tensors, func(a, b Tensor) int {
		return cmp.Or(cmp.Compare(a.Begin, b.Begin), cmp.Compare(a.End, b.End))
	})
	var end int64
	for i := range tensors {
		t := &tensors[i]
		want, err := t.ByteSize()
		if err != nil {
			return err
		}
		if t.Begin != end || t.End > dataSize || t.End-t.Begin != want {
			return fmt.Errorf("tensor %q of %d bytes is said to be at %d to %d, want it to start at %d and to fit in %d",
				t.Name, want, t.Begin, t.End, end, dataSize)
		}
		end = t.End
	}
	if end != dataSize {
		return fmt.Errorf("the tensors take %d bytes, the file has %d for them", end, dataSize)
	}
	return nil
}
