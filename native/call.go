package native

import (
	"fmt"
	"math"
	"slices"
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
	inPlace  [][2]int // output and input that share their memory
}

// A graph calls a kernel by calling a function whose name says which: its body
// is never run. parseKernel reads such a name; others give nil.
func parseKernel(function string) *kernel {
	parts := strings.Split(function, ".")
	if len(parts) != 5 || parts[0] != "kafisto" {
		return nil
	}
	geometry, err := parseNumbers(parts[3])
	if err != nil {
		return nil
	}
	shared, err := parseNumbers(parts[4])
	if err != nil || len(shared)%2 != 0 {
		return nil
	}
	k := &kernel{name: parts[2], geometry: geometry}
	for pair := range slices.Chunk(shared, 2) {
		if min(pair[0], pair[1]) < 0 || max(pair[0], pair[1]) > math.MaxInt32 {
			return nil
		}
		k.inPlace = append(k.inPlace, [2]int{int(pair[0]), int(pair[1])})
	}
	return k
}

// functionName is a name that parseKernel reads, the serial-th of its graph. It
// is an identifier of StableHLO: letters, digits, points and underscores.
func (k kernel) functionName(serial int) string {
	var shared []int64
	for _, pair := range k.inPlace {
		shared = append(shared, int64(pair[0]), int64(pair[1]))
	}
	return fmt.Sprintf("kafisto.%d.%s.%s.%s", serial, k.name, formatNumbers(k.geometry), formatNumbers(shared))
}

func formatNumbers(numbers []int64) string {
	words := make([]string, len(numbers))
	for i, number := range numbers {
		words[i] = strconv.FormatInt(number, 10)
	}
	return strings.Join(words, "_")
}

func parseNumbers(text string) (numbers []int64, err error) {
	if text == "" {
		return nil, nil
	}
	for word := range strings.SplitSeq(text, "_") {
		number, err := strconv.ParseInt(word, 10, 64)
		if err != nil {
			return nil, err
		}
		numbers = append(numbers, number)
	}
	return numbers, nil
}

// functionsKey is the key of a graph's state under which its kernels' functions are.
type functionsKey struct{}

// call adds a call of a kernel to the graph of its inputs, which must be on a
// backend that has the kernels, and gives its outputs, of the given shapes. It
// cannot be differentiated.
func call(k kernel, outputs []shapes.Shape, inputs ...*Node) []*Node {
	g := inputs[0].Graph()
	known, ok := g.State(functionsKey{}).(map[string]*Function)
	if !ok {
		known = make(map[string]*Function)
		g.AttachState(functionsKey{}, known)
	}
	key := fmt.Sprint(k)
	for _, input := range inputs {
		key += input.Shape().String()
	}
	f, ok := known[key]
	if !ok {
		f = NewFunction(g, k.functionName(len(known)), func(g *Graph) []*Node {
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
