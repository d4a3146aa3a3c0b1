package safetensors

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/kafisto/kafisto/internal/alloctest"
)

var dtypes = []DType{Bool, U8, I8, U16, I16, F16, BF16, U32, I32, F32, U64, I64, F64}

// drawTensors makes up to ten tensors with different names, laid out.
func drawTensors(t *rapid.T) []Tensor {
	names := rapid.SliceOfNDistinct(rapid.StringN(1, 8, -1), 0, 10, rapid.ID[string]).Draw(t, "names")
	var tensors []Tensor
	for _, name := range names {
		name = strings.ToValidUTF8(name, "?") + fmt.Sprint(len(tensors))
		tensors = append(tensors, Tensor{
			Name: name, DType: rapid.SampledFrom(dtypes).Draw(t, "dtype"),
			Shape: append([]int64{}, rapid.SliceOfN(rapid.Int64Range(0, 5), 0, 3).Draw(t, "shape")...),
		})
	}
	if err := Layout(tensors); err != nil {
		t.Fatal(err)
	}
	return tensors
}

func TestHeaderComesBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		tensors := drawTensors(t)
		metadata := rapid.MapOfN(rapid.SampledFrom([]string{"a", "b"}), rapid.String(), 1, 2).Draw(t, "metadata")
		var file bytes.Buffer
		if err := WriteHeader(&file, tensors, metadata); err != nil {
			t.Fatal(err)
		}
		if file.Len()%8 != 0 {
			t.Fatalf("values start at byte %d", file.Len())
		}
		size := int64(file.Len())
		for i, tensor := range tensors {
			if tensor.Begin%tensor.DType.Size() != 0 {
				t.Fatalf("%+v is not aligned", tensor)
			}
			if i == len(tensors)-1 {
				size += tensor.End
			}
		}
		got, err := ReadHeader(bytes.NewReader(file.Bytes()), size)
		if err != nil {
			t.Fatal(err)
		}
		want := map[string]Tensor{}
		for _, tensor := range tensors {
			want[tensor.Name] = tensor
		}
		for _, tensor := range got.Tensors {
			if !reflect.DeepEqual(tensor, want[tensor.Name]) {
				t.Fatalf("read %+v, want %+v", tensor, want[tensor.Name])
			}
		}
		if len(got.Tensors) != len(want) || len(got.Metadata) != len(metadata) {
			t.Fatalf("read %+v", got)
		}
		if _, err := ReadHeader(bytes.NewReader(file.Bytes()), size+1); err == nil {
			t.Fatal("a file with a byte too many was taken")
		}
	})
}

// withHeader puts a header in front of zeros.
func withHeader(header string, values int) []byte {
	file := binary.LittleEndian.AppendUint64(nil, uint64(len(header)))
	return append(append(file, header...), make([]byte, values)...)
}

func TestReadHeaderRefuses(t *testing.T) {
	for name, file := range map[string][]byte{
		"empty":            {},
		"short":            {1, 0, 0},
		"huge header":      bytes.Repeat([]byte{0xff}, 20),
		"header too long":  binary.LittleEndian.AppendUint64(nil, MaxHeader),
		"no JSON":          withHeader("{", 0),
		"array":            withHeader("[]", 0),
		"null":             withHeader("null", 0),
		"trailing":         withHeader("{}{}", 0),
		"no shape":         withHeader(`{"a":{"dtype":"U8","data_offsets":[0,1]}}`, 1),
		"one offset":       withHeader(`{"a":{"dtype":"U8","shape":[1],"data_offsets":[0]}}`, 1),
		"unknown type":     withHeader(`{"a":{"dtype":"X8","shape":[1],"data_offsets":[0,1]}}`, 1),
		"wrong size":       withHeader(`{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,1]}}`, 1),
		"negative":         withHeader(`{"a":{"dtype":"U8","shape":[-1,-1],"data_offsets":[0,1]}}`, 1),
		"empty, negative":  withHeader(`{"a":{"dtype":"U8","shape":[0,-1],"data_offsets":[0,0]}}`, 0),
		"negative, empty":  withHeader(`{"a":{"dtype":"U8","shape":[-1,0],"data_offsets":[0,0]}}`, 0),
		"overflow":         withHeader(`{"a":{"dtype":"U8","shape":[4294967296,4294967296],"data_offsets":[0,0]}}`, 0),
		"gap":              withHeader(`{"a":{"dtype":"U8","shape":[1],"data_offsets":[1,2]}}`, 2),
		"beyond":           withHeader(`{"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]}}`, 1),
		"left over":        withHeader(`{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}`, 2),
		"overlap":          withHeader(`{"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]},"b":{"dtype":"U8","shape":[1],"data_offsets":[1,2]}}`, 2),
		"twice":            withHeader(`{"a":{"dtype":"U8","shape":[0],"data_offsets":[0,0]},"a":{"dtype":"U8","shape":[0],"data_offsets":[0,0]}}`, 0),
		"wrong metadata":   withHeader(`{"__metadata__":[]}`, 0),
		"negative offsets": withHeader(`{"a":{"dtype":"U8","shape":[0],"data_offsets":[-1,-1]}}`, 0),
	} {
		if h, err := ReadHeader(bytes.NewReader(file), int64(len(file))); err == nil {
			t.Errorf("%s: read %+v", name, h)
		}
	}
}

func TestWriteRefuses(t *testing.T) {
	for name, tensors := range map[string][]Tensor{
		"unknown type": {{Name: "a", DType: "X"}},
		"twice":        {{Name: "a", DType: U8}, {Name: "a", DType: U8}},
		"negative":     {{Name: "a", DType: U8, Shape: []int64{-1}}},
		"too large":    {{Name: "a", DType: U8, Shape: []int64{1 << 62}}, {Name: "b", DType: U8, Shape: []int64{1 << 62}}},
	} {
		if err := Layout(tensors); err == nil {
			t.Errorf("%s: laid out", name)
		}
	}
	if err := WriteHeader(&bytes.Buffer{}, []Tensor{{Name: "__metadata__", DType: U8}}, nil); err == nil {
		t.Error("a tensor took the metadata's name")
	}
}

func FuzzReadHeader(f *testing.F) {
	f.Add(withHeader(`{"__metadata__":{"a":"b"},"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}`, 8))
	f.Add(withHeader(`{"a":{"dtype":"U8","shape":[],"data_offsets":[0,1]}}`, 1))
	f.Add([]byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f})
	f.Add(withHeader(`{"a":{"dtype":"U8","shape":[0,-1],"data_offsets":[0,0]}}`, 0))
	f.Add(withHeader(`{"a":{"dtype":"U8","shape":[-1,0],"data_offsets":[0,0]}}`, 0))
	f.Fuzz(func(t *testing.T, file []byte) {
		var header *Header
		var err error
		alloctest.Within(t, 1<<20+64*len(file), func() { header, err = ReadHeader(bytes.NewReader(file), int64(len(file))) })
		if err != nil {
			return
		}
		tensors := append([]Tensor(nil), header.Tensors...)
		for _, tensor := range tensors {
			if slices.ContainsFunc(tensor.Shape, func(dim int64) bool { return dim < 0 }) {
				t.Fatalf("%+v was taken", tensor)
			}
		}
		if err := Layout(tensors); err != nil { // what is read can be written
			t.Fatal(err)
		}
	})
}
