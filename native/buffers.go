package native

import (
	"time"

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
	backend     *wrapped
	outputBytes int
}

// Compile compiles the program.
func (b *builder) Compile() (compute.Executable, error) {
	e, err := b.Builder.Compile()
	if err != nil {
		return nil, err
	}
	returnMemory() // which the compiler leaves, some hundred megabytes
	bytes := 0
	for _, shape := range e.Outputs() {
		bytes += int(shape.ByteSize())
	}
	return &executable{e, b.backend, bytes}, nil
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
	before := memoryInUse()
	outputs, err := e.Executable.Execute(given, donate, device)
	awaitMemory(before + e.outputBytes)
	for i, output := range outputs {
		outputs[i] = &buffer{output, e.backend}
	}
	return outputs, err
}

// XLA frees a program's temporary values shortly after it says that the program
// has ended. If the next step began before, it would take as much memory again,
// and the process would keep it.
const (
	longestWait = 10 * time.Millisecond
	otherMemory = 16 << 20 // that others may have taken meanwhile
)

// awaitMemory waits until little more than the given bytes are in use, or a
// short time.
func awaitMemory(bytes int) {
	for began := time.Now(); memoryInUse() > bytes+otherMemory && time.Since(began) < longestWait; {
		time.Sleep(100 * time.Microsecond)
	}
}
