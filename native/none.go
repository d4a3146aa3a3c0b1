//go:build !(cgo && linux && (amd64 || arm64))

package native

import (
	"errors"

	"github.com/gomlx/compute"
)

func register(compute.Backend) error {
	return errors.New("this program was built without the kernels, which need cgo and Linux on x86-64 or arm64")
}

func instructions() string { return "" }

func allowReuse(compute.Function, int, int) {}

func returnMemory() {}

func emitCall(function, target compute.Function, _ *kernel, inputs []compute.Value) ([]compute.Value, error) {
	return function.Call(target, inputs...)
}
