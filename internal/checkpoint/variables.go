package checkpoint

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"strings"
	"unicode/utf8"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"

	"github.com/kafisto/kafisto/internal/checkpoint/safetensors"
)

// ErrNotFinite is wrapped by the error of [Save] when a variable holds NaN or
// an infinity.
var ErrNotFinite = errors.New("not finite")

// toDType are GoMLX's data types that can be saved.
var toDType = map[dtypes.DType]safetensors.DType{
	dtypes.Bool: safetensors.Bool,
	dtypes.Int8: safetensors.I8, dtypes.Int16: safetensors.I16, dtypes.Int32: safetensors.I32, dtypes.Int64: safetensors.I64,
	dtypes.Uint8: safetensors.U8, dtypes.Uint16: safetensors.U16, dtypes.Uint32: safetensors.U32, dtypes.Uint64: safetensors.U64,
	dtypes.Float16: safetensors.F16, dtypes.BFloat16: safetensors.BF16, dtypes.Float32: safetensors.F32, dtypes.Float64: safetensors.F64,
}

// fromDType is the inverse of toDType.
var fromDType = func() map[safetensors.DType]dtypes.DType {
	m := map[safetensors.DType]dtypes.DType{}
	for k, v := range toDType {
		m[v] = k
	}
	return m
}()

// describe lists the variables of the store that are saved, in its order.
func describe(store *model.Store) ([]Variable, error) {
	var list []Variable
	for v := range store.IterVariables() {
		if isMetric(v.Path()) {
			continue
		}
		dtype, ok := toDType[v.DType()]
		switch {
		case !ok:
			return nil, fmt.Errorf("variable %s has the data type %s, which cannot be saved", v.Path(), v.DType())
		case !v.HasValue():
			return nil, fmt.Errorf("variable %s has no value yet; save after the first step", v.Path())
		case !utf8.ValidString(v.Path()):
			return nil, fmt.Errorf("variable path %q is no valid UTF-8", v.Path())
		}
		list = append(list, Variable{v.Path(), dtype, dimensions(v.Shape()), v.Trainable})
	}
	return list, nil
}

// isMetric knows the state of GoMLX's metrics by its path.
func isMetric(path string) bool {
	return strings.Contains(path, "/metrics/") && strings.Contains(path, "_uuid_")
}

func dimensions(shape shapes.Shape) []int64 {
	dims := make([]int64, 0, shape.Rank())
	for _, d := range shape.Dimensions {
		dims = append(dims, int64(d))
	}
	return dims
}

// writeVariables writes the safetensors file of the variables, whose values
// must all be finite. Each value is copied to the host once at most, and not kept.
func writeVariables(w io.Writer, store *model.Store, variables []Variable) error {
	layout := make([]safetensors.Tensor, len(variables))
	for i := range variables {
		layout[i] = variables[i].tensor()
	}
	if err := safetensors.Layout(layout); err != nil {
		return err
	}
	if err := safetensors.WriteHeader(w, layout, nil); err != nil {
		return err
	}
	for _, t := range layout {
		value, err := store.GetVariable(t.Name).Value()
		if err != nil {
			return err
		}
		if err := writeValue(w, t, value); err != nil {
			return fmt.Errorf("variable %s: %w", t.Name, err)
		}
	}
	return nil
}

func writeValue(w io.Writer, t safetensors.Tensor, value *tensors.Tensor) error {
	if t.Begin == t.End {
		return nil
	}
	var failed error
	err := look(value, func(data []byte) {
		if int64(len(data)) != t.End-t.Begin {
			failed = fmt.Errorf("its value has %d bytes, its shape %d", len(data), t.End-t.Begin)
			return
		}
		if i := indexNotFinite(t.DType, data); i >= 0 {
			failed = fmt.Errorf("element %d (of the flattened value) is NaN or infinite: %w", i, ErrNotFinite)
			return
		}
		_, failed = w.Write(data)
	})
	if err != nil {
		return err
	}
	return failed
}

// look shows the bytes of a value, which is copied from the device where it has
// to be; the copy is not kept.
func look(value *tensors.Tensor, at func(data []byte)) error {
	if !value.HasLocal() {
		defer value.FinalizeLocal() // what is on the device stays
	}
	return value.ConstBytes(at)
}

// readValue reads the values of a variable into a tensor in the host's memory.
func readValue(r io.Reader, v *Variable) (*tensors.Tensor, error) {
	dims := make([]int, len(v.Shape))
	for i, d := range v.Shape {
		if d > math.MaxInt {
			return nil, fmt.Errorf("dimension %d is too large for this machine", d)
		}
		dims[i] = int(d)
	}
	value := tensors.FromShape(shapes.Make(fromDType[v.DType], dims...))
	if value.Size() == 0 {
		return value, nil
	}
	var failed error
	err := value.MutableBytes(func(data []byte) {
		if _, failed = io.ReadFull(r, data); failed != nil || v.DType != safetensors.Bool {
			return
		}
		for _, b := range data {
			if b > 1 {
				failed = errors.New("a bool is neither 0 nor 1")
			}
		}
	})
	if err != nil {
		return nil, err
	}
	return value, failed
}

// indexNotFinite finds the first NaN or infinity, -1 for none: a number whose
// exponent bits are all ones.
func indexNotFinite(dtype safetensors.DType, data []byte) int {
	little := binary.LittleEndian
	switch dtype {
	case safetensors.F16, safetensors.BF16:
		mask := uint16(0x7c00)
		if dtype == safetensors.BF16 {
			mask = 0x7f80
		}
		for i := 0; i+2 <= len(data); i += 2 {
			if little.Uint16(data[i:])&mask == mask {
				return i / 2
			}
		}
	case safetensors.F32:
		const mask = 0xff << 23
		for i := 0; i+4 <= len(data); i += 4 {
			if little.Uint32(data[i:])&mask == mask {
				return i / 4
			}
		}
	case safetensors.F64:
		const mask = 0x7ff << 52
		for i := 0; i+8 <= len(data); i += 8 {
			if little.Uint64(data[i:])&mask == mask {
				return i / 8
			}
		}
	}
	return -1
}
