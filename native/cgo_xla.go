//go:build cgo && linux && (amd64 || arm64)

package native

// #cgo CFLAGS: -O3 -std=gnu11
// #cgo LDFLAGS: -ldl -lm -lpthread
// #include <stdlib.h>
// #include "handlers.h"
// #include "team_check.h"
import "C"

import (
	"errors"
	"fmt"
	"path/filepath"
	"reflect"
	"strings"
	"sync"
	"unsafe"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/go-xla/compute/xla"
	"github.com/gomlx/go-xla/pjrt"
	"github.com/gomlx/go-xla/stablehlo"
	xlashapes "github.com/gomlx/go-xla/types/shapes"
)

// registered remembers the plugins that know the kernels: path to error.
var registered sync.Map

// register makes the kernels known to the backend's plugin.
func register(backend compute.Backend) error {
	x, ok := backend.(*xla.Backend)
	if !ok || !strings.Contains(strings.ToLower(x.PluginName()), "cpu") {
		return errors.New("it is not XLA for the CPU")
	}
	path := x.PluginName()
	if !filepath.IsAbs(path) {
		path = pjrt.AvailablePlugins()[path]
	}
	once, _ := registered.LoadOrStore(path, sync.OnceValue(func() error {
		text := C.CString(path)
		defer C.free(unsafe.Pointer(text))
		if reason := C.kafisto_register(text); reason != nil {
			return errors.New(C.GoString(reason))
		}
		return nil
	}))
	return once.(func() error)()
}

// instructions names the instruction set that the kernels use.
func instructions() string { return C.GoString(C.kafisto_instructions()) }

// useInstructions makes the kernels use another instruction set, for tests. It
// tells whether the processor has it.
func useInstructions(name string) bool {
	text := C.CString(name)
	defer C.free(unsafe.Pointer(text))
	return C.kafisto_use_instructions(text) != 0
}

// checkTeam does the work of kafisto_check_team, for tests.
func checkTeam(helpers, jobs, pool int) int {
	return int(C.kafisto_check_team(C.int(helpers), C.int(jobs), C.int(pool)))
}

// checkSteps does the work of kafisto_check_steps, for tests.
func checkSteps(helpers, jobs, pool int) int {
	return int(C.kafisto_check_steps(C.int(helpers), C.int(jobs), C.int(pool)))
}

// returnMemory gives the holes in the C library's heap back to the system.
func returnMemory() { C.kafisto_return_memory() }

// emitCall adds to function a call of the kernel that target stands for.
//
// go-xla can call functions of the program, but not foreign ones. So it is let
// add an ordinary call, and the statement that it added is then turned into a
// foreign one; what it called stays in the program unused, and XLA drops it.
func emitCall(function, target compute.Function, k *kernel, inputs []compute.Value) ([]compute.Value, error) {
	caller, ok := function.(*xla.Function)
	if !ok {
		return nil, fmt.Errorf("native: function of a %T", function)
	}
	program, err := programOf(caller)
	if err != nil {
		return nil, err
	}
	outputs, err := caller.Call(target, inputs...)
	if err != nil {
		return nil, err
	}
	operation, err := customCall()
	if err != nil {
		return nil, err
	}
	statement := program.Statements[len(program.Statements)-1]
	statement.OpType = operation.OpType
	statement.Attributes = map[string]any{
		"call_target_name": "kafisto_" + k.name,
		"api_version":      int32(4), // typed foreign function
		"backend_config":   text("{geometry = " + integers(k.geometry) + "}"),
		"operand_layouts":  text(rowMajor(statement.Inputs)),
		"result_layouts":   text(rowMajor(statement.Outputs)),
	}
	if len(k.inPlace) > 0 {
		statement.Attributes["output_operand_aliases"] = text(aliases(k.inPlace, len(outputs)))
	}
	return outputs, nil
}

// aliases says which outputs of a foreign call lie where inputs do.
func aliases(pairs [][2]int, outputs int) string {
	words := make([]string, len(pairs))
	for i, pair := range pairs {
		output := fmt.Sprint(pair[0])
		if outputs == 1 {
			output = "" // no tuple
		}
		words[i] = fmt.Sprintf("#stablehlo.output_operand_alias<output_tuple_indices = [%s], operand_index = %d, operand_tuple_indices = []>", output, pair[1])
	}
	return "[" + strings.Join(words, ", ") + "]"
}

// allowReuse lets XLA write an output over a parameter of a program's main
// function when the caller gives that away: go-xla passes on that it is given
// away, but does not compile for it. Without it there are only more copies.
func allowReuse(main compute.Function, parameter, output int) {
	f, ok := main.(*xla.Function)
	if !ok {
		return
	}
	program, err := programOf(f)
	if err != nil || parameter >= len(program.Inputs) {
		return
	}
	attributes := map[string]any{"jax.buffer_donor": true}
	if output != anyOutput {
		attributes = map[string]any{"tf.aliasing_output": int32(output)}
	}
	input := program.Inputs[parameter]
	for key, value := range input.Attributes {
		if key != "jax.buffer_donor" {
			attributes[key] = value
		}
	}
	input.Attributes = attributes
}

// programOf gives the part of the StableHLO program that go-xla keeps behind a
// function, in a field that it does not export.
func programOf(f *xla.Function) (*stablehlo.Function, error) {
	field := reflect.ValueOf(f).Elem().FieldByName("fn")
	if !field.IsValid() || field.Type() != reflect.TypeFor[*stablehlo.Function]() {
		return nil, errors.New("native: this version of go-xla keeps its programs differently")
	}
	return (*stablehlo.Function)(field.UnsafePointer()), nil
}

// customCall is a statement that calls a foreign function, in a program of its
// own: go-xla exports no other way to its operation's name.
var customCall = sync.OnceValues(func() (*stablehlo.Statement, error) {
	program := stablehlo.New("pattern").Main()
	shape := xlashapes.Make(dtypes.Float32)
	x, err := program.Input(shape)
	if err != nil {
		return nil, err
	}
	if _, err := stablehlo.CustomCallV2("pattern", "", []*stablehlo.Value{x}, nil, []xlashapes.Shape{shape}, nil); err != nil {
		return nil, err
	}
	return program.Statements[0], nil
})

// text is an attribute that is written as it stands.
type text string

// ToStableHLO is how go-xla writes an attribute.
func (t text) ToStableHLO() string { return string(t) }

// integers is a StableHLO array of integers.
func integers(values []int64) string {
	return "array<i64: " + strings.Trim(strings.Join(strings.Fields(fmt.Sprint(values)), ", "), "[]") + ">"
}

// rowMajor is the layouts of values whose last axis is contiguous.
func rowMajor(values []*stablehlo.Value) string {
	layouts := make([]string, len(values))
	for i, v := range values {
		var axes []string
		for axis := v.Shape().Rank() - 1; axis >= 0; axis-- {
			axes = append(axes, fmt.Sprint(axis))
		}
		if len(axes) == 0 {
			layouts[i] = "dense<> : tensor<0xindex>"
			continue
		}
		layouts[i] = fmt.Sprintf("dense<[%s]> : tensor<%dxindex>", strings.Join(axes, ", "), len(axes))
	}
	return "[" + strings.Join(layouts, ", ") + "]"
}
