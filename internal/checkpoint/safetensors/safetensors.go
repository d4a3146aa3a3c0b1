// Package safetensors reads and writes the header of safetensors files: eight
// bytes with the header's length (little-endian), the header as JSON, then the
// tensors' values, little-endian, row-major, one tensor after the other without
// gaps. The format is documented in the repository github.com/huggingface/safetensors.
package safetensors

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"slices"
)

// MaxHeader is the most bytes a header may have, the limit of the format's own
// reader.
const MaxHeader = 100_000_000

// DType is the name that the format gives a data type.
type DType string

// The data types known here.
const (
	Bool DType = "BOOL" // one byte, 0 or 1
	U8   DType = "U8"
	I8   DType = "I8"
	U16  DType = "U16"
	I16  DType = "I16"
	F16  DType = "F16"
	BF16 DType = "BF16"
	U32  DType = "U32"
	I32  DType = "I32"
	F32  DType = "F32"
	U64  DType = "U64"
	I64  DType = "I64"
	F64  DType = "F64"
)

// Size is the number of bytes of a value, 0 for an unknown data type.
func (d DType) Size() int64 {
	switch d {
	case Bool, U8, I8:
		return 1
	case U16, I16, F16, BF16:
		return 2
	case U32, I32, F32:
		return 4
	case U64, I64, F64:
		return 8
	}
	return 0
}

// Tensor describes one tensor of a file.
type Tensor struct {
	Name  string
	DType DType
	Shape []int64 // empty for a scalar
	// Begin and End are where its values are, in bytes from the end of the header.
	Begin, End int64
}

// ByteSize is the number of bytes of the tensor's values. An unknown data type,
// a negative dimension and a number beyond int64 are errors.
func (t *Tensor) ByteSize() (int64, error) {
	size := t.DType.Size()
	if size == 0 {
		return 0, fmt.Errorf("tensor %q has the unknown data type %q", t.Name, t.DType)
	}
	for _, dim := range t.Shape {
		if dim < 0 {
			return 0, fmt.Errorf("tensor %q has the negative dimension %d", t.Name, dim)
		}
	}
	if slices.Contains(t.Shape, 0) {
		return 0, nil
	}
	for _, dim := range t.Shape {
		if dim > math.MaxInt64/size {
			return 0, fmt.Errorf("tensor %q is too large: %v", t.Name, t.Shape)
		}
		size *= dim
	}
	return size, nil
}

// Layout puts the tensors in the order of a file, larger data types first, so
// that all values are aligned, then by name, and calls [Pack].
func Layout(tensors []Tensor) error {
	slices.SortFunc(tensors, func(a, b Tensor) int {
		return cmp.Or(cmp.Compare(b.DType.Size(), a.DType.Size()), cmp.Compare(a.Name, b.Name))
	})
	return Pack(tensors)
}

// Pack sets Begin and End of the tensors, one after the other. Two of the same
// name and sizes beyond int64 are errors.
func Pack(tensors []Tensor) error {
	seen := map[string]bool{}
	var end int64
	for i := range tensors {
		t := &tensors[i]
		size, err := t.ByteSize()
		if err != nil {
			return fmt.Errorf("safetensors: %w", err)
		}
		if seen[t.Name] {
			return fmt.Errorf("safetensors: two tensors are named %q", t.Name)
		}
		if size > math.MaxInt64-end {
			return errors.New("safetensors: the tensors are too large together")
		}
		seen[t.Name] = true
		t.Begin, t.End = end, end+size
		end = t.End
	}
	return nil
}
