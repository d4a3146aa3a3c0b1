//go:build cgo && linux && (amd64 || arm64)

package native

import (
	"fmt"

	"github.com/gomlx/compute"
	"github.com/gomlx/go-xla/compute/xla"
)

// What the tests outside of the package need of its inside.
var (
	UseInstructions = useInstructions
	CheckTeam       = checkTeam
	CheckSteps      = checkSteps
)

// Plain is the backend that was wrapped.
func Plain(backend compute.Backend) compute.Backend { return backend.(*wrapped).Backend.Backend }

// CheckProgramOf tells what is wrong with the StableHLO program that programOf
// finds behind a function of go-xla.
func CheckProgramOf(backend compute.Backend) error {
	f, ok := Plain(backend).Builder("guard").Main().(*xla.Function)
	if !ok {
		return fmt.Errorf("a function of XLA's backend is no *xla.Function any more")
	}
	program, err := programOf(f)
	if err != nil {
		return err
	}
	if program == nil || program.Name != f.Name() {
		return fmt.Errorf("the field holds something else than the function's program: %+v", program)
	}
	return nil
}
