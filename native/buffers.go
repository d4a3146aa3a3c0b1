package native

import (
	"github.com/gomlx/compute"
	"github.com/gomlx/compute/shapes"
)

// GoMLX tells backends apart by what their buffers say they belong to. So the
// buffers of a wrapped backend are wrapped too, and its programs take and give
// such buffers.

// buffer is a buffer of a wrapped backend.
type buffer struct {
	compute.Buffer
	backend *wrapped
}

// Backend is the wrapped backend.
func (b *buffer) Backend() compute.Backend { return b.backend }

// CopyToDevice copies the buffer to a device of the same backend.
func (b *buffer) CopyToDevice(device compute.DeviceNum) (compute.Buffer, error) {
	return b.backend.wrap(b.Buffer.CopyToDevice(device))
}

// wrap wraps a new buffer, unless there was an error.
func (w *wrapped) wrap(b compute.Buffer, err error) (compute.Buffer, error) {
	if err != nil {
		return nil, err
	}
	return &buffer{b, w}, nil
}

// BufferFromFlatData copies numbers into a new buffer.
func (w *wrapped) BufferFromFlatData(device compute.DeviceNum, flat any, shape shapes.Shape) (compute.Buffer, error) {
	return w.wrap(w.Backend.BufferFromFlatData(device, flat, shape))
}

// NewSharedBuffer makes a buffer whose numbers the program sees.
func (w *wrapped) NewSharedBuffer(device compute.DeviceNum, shape shapes.Shape) (compute.Buffer, any, error) {
	b, flat, err := w.Backend.NewSharedBuffer(device, shape)
	if err != nil {
		return nil, nil, err
	}
	return &buffer{b, w}, flat, nil
}

// anyOutput is that XLA chooses which output takes a parameter's memory.
const anyOutput = -1

// executable is a compiled program of a wrapped backend.
type executable struct {
	compute.Executable
	backend *wrapped
}

// Compile compiles the program.
func (b *builder) Compile() (compute.Executable, error) {
	e, err := b.Builder.Compile()
	if err != nil {
		return nil, err
	}
	returnMemory() // which the compiler leaves, some hundred megabytes
	return &executable{e, b.backend}, nil
}

// Execute runs the program.
func (e *executable) Execute(inputs []compute.Buffer, donate []bool, device compute.DeviceNum) ([]compute.Buffer, error) {
	given := make([]compute.Buffer, len(inputs))
	for i, input := range inputs {
		given[i] = input
		if b, ok := input.(*buffer); ok {
			given[i] = b.Buffer
		}
	}
	outputs, err := e.Executable.Execute(given, donate, device)
	for i, output := range outputs {
		outputs[i] = &buffer{output, e.backend}
	}
	return outputs, err
}
