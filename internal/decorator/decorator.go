// Package decorator has what every decorator of a GoMLX backend needs. GoMLX tells
// backends apart by what their buffers say they belong to: the buffers of a decorated
// backend are wrapped too, and its programs take and give such buffers.
package decorator

import (
	"github.com/gomlx/compute"
	"github.com/gomlx/compute/shapes"
)

// Backend is a backend whose buffers belong to another one, the decorator, which
// embeds it. The decorator passes what it compiles to Executable.
type Backend struct {
	compute.Backend // the one that is decorated
	decorator       compute.Backend
}

// New returns what decorator, which may be unfinished, is to embed.
func New(decorated, decorator compute.Backend) *Backend { return &Backend{decorated, decorator} }

// buffer is a buffer of a decorated backend.
type buffer struct {
	compute.Buffer
	owner *Backend
}

// Backend is the decorator.
func (b *buffer) Backend() compute.Backend { return b.owner.decorator }

// CopyToDevice copies the buffer to a device of the same backend.
func (b *buffer) CopyToDevice(device compute.DeviceNum) (compute.Buffer, error) {
	return b.owner.wrap(b.Buffer.CopyToDevice(device))
}

// wrap wraps a new buffer, unless there was an error.
func (b *Backend) wrap(made compute.Buffer, err error) (compute.Buffer, error) {
	if err != nil {
		return nil, err
	}
	return &buffer{made, b}, nil
}

// BufferFromFlatData copies numbers into a new buffer.
func (b *Backend) BufferFromFlatData(device compute.DeviceNum, flat any, shape shapes.Shape) (compute.Buffer, error) {
	return b.wrap(b.Backend.BufferFromFlatData(device, flat, shape))
}

// NewSharedBuffer makes a buffer whose numbers the program sees.
func (b *Backend) NewSharedBuffer(device compute.DeviceNum, shape shapes.Shape) (compute.Buffer, any, error) {
	made, flat, err := b.Backend.NewSharedBuffer(device, shape)
	if err != nil {
		return nil, nil, err
	}
	return &buffer{made, b}, flat, nil
}

// Executable is a program of the decorated backend as one of the decorator.
func (b *Backend) Executable(program compute.Executable) compute.Executable {
	return &executable{program, b}
}

type executable struct {
	compute.Executable
	owner *Backend
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
		outputs[i] = &buffer{output, e.owner}
	}
	return outputs, err
}
