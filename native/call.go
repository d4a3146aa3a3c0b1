package native

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/gomlx/compute/shapes"
	. "github.com/gomlx/gomlx/core/graph"
)

// kernel is a kernel with its geometry, the numbers that it needs besides its
// buffers.
type kernel struct {
	name     string
	geometry []int64
}

// A graph calls a kernel by calling a function whose name says which: its body
// is never run. parseKernel reads such a name; others give nil.
func parseKernel(function string) *kernel {
	words := strings.Split(function, ".")
	if len(words) < 3 || words[0] != "kafisto" {
		return nil
	}
	k := &kernel{name: "kafisto_" + words[2]}
	for _, word := range words[3:] {
		number, err := strconv.ParseInt(word, 10, 64)
		if err != nil {
			return nil
		}
		k.geometry = append(k.geometry, number)
	}
	return k
}

// functionName is a name that parseKernel reads, the serial-th of its graph.
func functionName(serial int, name string, geometry []int64) string {
	text := fmt.Sprintf("kafisto.%d.%s", serial, name)
	for _, number := range geometry {
		text += "." + strconv.FormatInt(number, 10)
	}
	return text
}

// functionsKey is the key of a graph's state under which its kernels' functions are.
type functionsKey struct{}

// call adds a call of a kernel to the graph of its inputs, which must be on a
// backend that has the kernels, and gives its outputs, of the given shapes. It
// cannot be differentiated.
func call(name string, geometry []int64, outputs []shapes.Shape, inputs ...*Node) []*Node {
	g := inputs[0].Graph()
	known, ok := g.State(functionsKey{}).(map[string]*Function)
	if !ok {
		known = make(map[string]*Function)
		g.AttachState(functionsKey{}, known)
	}
	key := fmt.Sprint(name, geometry)
	for _, input := range inputs {
		key += input.Shape().String()
	}
	f, ok := known[key]
	if !ok {
		f = NewFunction(g, functionName(len(known), name, geometry), func(g *Graph) []*Node {
			for i, input := range inputs {
				Parameter(g, fmt.Sprintf("input%d", i), input.Shape())
			}
			results := make([]*Node, len(outputs))
			for i, shape := range outputs {
				// Not Zeros: GoMLX would use the function's zero outside of the function too.
				line := Iota(g, shapes.Make(shape.DType, shape.Size()), 0)
				results[i] = Reshape(line, shape.Dimensions...)
			}
			return results
		})
		known[key] = f
	}
	return f.Call(inputs...)
}
