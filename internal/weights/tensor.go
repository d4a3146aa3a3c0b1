package weights

import (
	"encoding/binary"
	"fmt"
	"math"
	"slices"

	"github.com/gomlx/compute/dtypes/float16"

	"github.com/kafisto/kafisto/internal/checkpoint/safetensors"
)

// maxRank is how many axes a tensor may have.
const maxRank = 16

// storage is a row of numbers, of which tensors are views.
type storage struct {
	dtype safetensors.DType
	count int64  // of numbers
	data  []byte // count numbers, little-endian
}

// Tensor is a tensor of a file.
type Tensor struct {
	storage *storage
	offset  int64 // where the first number is, in numbers
	shape   []int
	strides []int64 // from one number of an axis to the next, in numbers; none is negative
}

// newTensor makes a view of a storage, every number of which must be in the storage. It may not have
// more numbers than the storage, as views have that repeat them.
func newTensor(s *storage, offset int64, shape, strides []int64) (*Tensor, error) {
	if len(shape) > maxRank || len(shape) != len(strides) {
		return nil, fmt.Errorf("a tensor has %d axes and %d strides, want the same and at most %d: it is damaged", len(shape), len(strides), maxRank)
	}
	t := &Tensor{storage: s, offset: offset, shape: make([]int, len(shape)), strides: strides}
	outside := func() error {
		return fmt.Errorf("a tensor of shape %v, strides %v and offset %d does not lie in its storage of %d numbers: it is damaged",
			shape, strides, offset, s.count)
	}
	if offset < 0 || offset > s.count {
		return nil, outside()
	}
	count, last, empty := int64(1), offset, slices.Contains(shape, 0)
	for axis, n := range shape {
		if n < 0 || n > math.MaxInt32 || strides[axis] < 0 {
			return nil, outside()
		}
		t.shape[axis] = int(n)
		if n < 2 || empty {
			continue
		}
		// Counts are at most maxFile, so that no product overflows.
		if n > s.count || strides[axis] > s.count {
			return nil, outside()
		}
		count *= n
		last += (n - 1) * strides[axis]
		if count > s.count || last >= s.count {
			return nil, outside()
		}
	}
	if !empty && last >= s.count {
		return nil, outside()
	}
	return t, nil
}

// rowMajor are the strides of a tensor that is stored row by row.
func rowMajor(shape []int64) []int64 {
	strides := make([]int64, len(shape))
	step := int64(1)
	for axis := len(shape) - 1; axis >= 0; axis-- {
		strides[axis] = step
		step *= max(shape[axis], 1)
	}
	return strides
}

// Shape is the tensor's shape; empty for a scalar.
func (t *Tensor) Shape() []int { return slices.Clone(t.shape) }

// DType is the type of its numbers.
func (t *Tensor) DType() safetensors.DType { return t.storage.dtype }

// Float32 are its values, row by row, in float32. It is an error if they are no floating-point
// numbers (of 16, 32 or 64 bits).
func (t *Tensor) Float32() ([]float32, error) {
	at := decoder(t.storage.dtype)
	if at == nil {
		return nil, fmt.Errorf("its values are of type %s, want floating-point numbers", t.storage.dtype)
	}
	count := 1
	for _, n := range t.shape {
		count *= n // within the storage, or zero
		if count == 0 {
			return []float32{}, nil
		}
	}
	values := make([]float32, count)
	place, index := t.offset, make([]int, len(t.shape))
	for i := range values {
		values[i] = at(t.storage.data, int(place))
		for axis := len(index) - 1; axis >= 0; axis-- {
			index[axis]++
			place += t.strides[axis]
			if index[axis] < t.shape[axis] {
				break
			}
			place -= int64(index[axis]) * t.strides[axis]
			index[axis] = 0
		}
	}
	return values, nil
}

// decoder is the function that reads a number at its place, nil for types without fractions.
func decoder(dtype safetensors.DType) func(data []byte, place int) float32 {
	little := binary.LittleEndian
	switch dtype {
	case safetensors.F32:
		return func(data []byte, i int) float32 { return math.Float32frombits(little.Uint32(data[4*i:])) }
	case safetensors.F64:
		return func(data []byte, i int) float32 {
			return float32(math.Float64frombits(little.Uint64(data[8*i:])))
		}
	case safetensors.F16:
		return func(data []byte, i int) float32 { return float16.FromBits(little.Uint16(data[2*i:])).Float32() }
	case safetensors.BF16:
		return func(data []byte, i int) float32 {
			return math.Float32frombits(uint32(little.Uint16(data[2*i:])) << 16)
		}
	}
	return nil
}
