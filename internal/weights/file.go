package weights

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"

	"github.com/kafisto/kafisto/internal/checkpoint/safetensors"
	"github.com/kafisto/kafisto/internal/inputfile"
)

// maxFile is the size of the largest file that is read, in bytes: the weights of 500 million numbers.
const maxFile = 2 << 30

// File holds the tensors of a file. It is not changed once it has been read.
type File struct {
	path    string
	sum     string
	names   []string // in the order of the file
	tensors map[string]*Tensor
}

// Read reads a file of weights, of any of the package's formats, which its content tells. Its bytes
// stay in memory as long as the File.
//
// A file that is damaged, cut short, too large (more than 2 GiB), or holds anything but a dict of
// tensors, is an error of one sentence.
func Read(path string) (*File, error) {
	data, err := inputfile.Read(path, maxFile)
	if err != nil {
		return nil, fmt.Errorf("weights: %w", err)
	}
	file, err := parse(data)
	if err != nil {
		return nil, fmt.Errorf("weights: %s: %w", path, err)
	}
	sum := sha256.Sum256(data)
	file.path, file.sum = path, hex.EncodeToString(sum[:])
	return file, nil
}

// Path is where the file was read, as [Read] was given it.
func (f *File) Path() string { return f.path }

// SHA256 is the SHA-256 of the file's bytes, in lower-case hexadecimal digits.
func (f *File) SHA256() string { return f.sum }

// Names are the names of the tensors, in the order of the file.
func (f *File) Names() []string { return slices.Clone(f.names) }

// Tensor finds a tensor by its name; nil if there is none.
func (f *File) Tensor(name string) *Tensor { return f.tensors[name] }

// Float32 are the values of a tensor of that name and shape, row by row. It is an error if there is
// none, or if its values are no floating-point numbers.
func (f *File) Float32(name string, shape ...int) ([]float32, error) {
	t := f.tensors[name]
	if t == nil {
		return nil, fmt.Errorf("weights: %s: holds no tensor %q: it is of another network", f.path, name)
	}
	if !slices.Equal(t.shape, shape) {
		return nil, fmt.Errorf("weights: %s: its tensor %q has the shape %v, want %v: it is of another network", f.path, name, t.shape, shape)
	}
	values, err := t.Float32()
	if err != nil {
		return nil, fmt.Errorf("weights: %s: its tensor %q: %w", f.path, name, err)
	}
	return values, nil
}

// parse reads a file's bytes, which the tensors go on using.
func parse(data []byte) (*File, error) {
	switch {
	case bytes.HasPrefix(data, []byte("PK")):
		return parseZip(data)
	case bytes.HasPrefix(data, []byte{opProto}):
		return parseLegacy(data)
	default:
		return parseSafetensors(data)
	}
}

// add takes another tensor.
func (f *File) add(name string, t *Tensor) error {
	if f.tensors == nil {
		f.tensors = map[string]*Tensor{}
	}
	if f.tensors[name] != nil {
		return fmt.Errorf("two tensors are named %q: it is damaged", name)
	}
	f.names = append(f.names, name)
	f.tensors[name] = t
	return nil
}

// fromStateDict takes what a pickle holds, which must be a dict of tensors.
func fromStateDict(value any) (*File, error) {
	state, ok := value.(*dict)
	if !ok {
		return nil, errors.New("it holds no dict of tensors: save the network's state_dict() alone")
	}
	f := &File{}
	for i, name := range state.keys {
		t, ok := state.values[i].(*Tensor)
		if !ok {
			return nil, fmt.Errorf("its entry %q is no tensor: save the network's state_dict() alone", name)
		}
		if err := f.add(name, t); err != nil {
			return nil, err
		}
	}
	return f, nil
}

func parseSafetensors(data []byte) (*File, error) {
	header, err := safetensors.ReadHeader(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		return nil, fmt.Errorf("neither a file of torch.save nor of safetensors, or damaged (%w)", err)
	}
	values := data[8+binary.LittleEndian.Uint64(data):]
	f := &File{}
	for _, t := range header.Tensors {
		count := (t.End - t.Begin) / t.DType.Size()
		ref := &storage{dtype: t.DType, count: count, data: values[t.Begin:t.End]}
		tensor, err := newTensor(ref, 0, t.Shape, rowMajor(t.Shape))
		if err != nil {
			return nil, fmt.Errorf("its tensor %q: %w", t.Name, err)
		}
		if err := f.add(t.Name, tensor); err != nil {
			return nil, err
		}
	}
	return f, nil
}
