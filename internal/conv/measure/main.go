// Command measure times the lowerings of convolutions on an engine of this machine and puts what it
// finds into the table from which package conv chooses:
//
//	go run ./internal/conv/measure -engine go
//
// It replaces that engine's rows in internal/conv/lowerings.json and keeps all others. Run it from the
// root of the module, on a machine that does nothing else.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"log"
	"os"
	"slices"

	"github.com/gomlx/compute/dtypes"

	"github.com/kafisto/kafisto/internal/conv"
	"github.com/kafisto/kafisto/internal/engine"
	_ "github.com/kafisto/kafisto/native/keepmemory" // as in the kafisto command
)

func main() {
	choice := flag.String("engine", "go", "engine to measure: go or xla:cpu")
	rounds := flag.Int("rounds", 5, "times that each lowering is measured")
	file := flag.String("table", "internal/conv/lowerings.json", "table to update")
	flag.Parse()
	if err := run(engine.Choice(*choice), *rounds, *file); err != nil {
		log.Fatal(err)
	}
}

// run measures all problems and updates the table.
func run(choice engine.Choice, rounds int, file string) error {
	opened, err := engine.Open(context.Background(), engine.Options{Choice: choice, Offline: true})
	if err != nil {
		return err
	}
	defer opened.Close()
	rows, err := otherRows(file, conv.PlaceOf(opened.Backend))
	if err != nil {
		return err
	}
	for _, c := range cases {
		problem, err := c.problem()
		if err != nil {
			return err
		}
		for _, pass := range conv.Passes {
			row, err := conv.MeasureRow(opened.Backend, pass, problem, rounds)
			if err != nil {
				return err
			}
			fmt.Printf("%v: %s %v\n", c, pass, row.Fastest)
			rows = append(rows, row)
		}
	}
	return write(file, rows)
}

// shape is a square convolution of square images.
type shape struct{ kernel, stride, padding, in, out, size, batch int }

// cases are the convolutions of the networks in package models and their like.
var cases = []shape{
	// ResNet-18 for 32x32 images
	{3, 1, 1, 3, 64, 32, 128},
	{3, 1, 1, 64, 64, 32, 128}, {3, 1, 1, 128, 128, 16, 128}, {3, 1, 1, 256, 256, 8, 128}, {3, 1, 1, 512, 512, 4, 128},
	{3, 2, 1, 64, 128, 32, 128}, {3, 2, 1, 128, 256, 16, 128}, {3, 2, 1, 256, 512, 8, 128},
	{1, 2, 0, 64, 128, 32, 128}, {1, 2, 0, 128, 256, 16, 128}, {1, 2, 0, 256, 512, 8, 128},
	// small batches
	{3, 1, 1, 64, 64, 32, 8}, {3, 1, 1, 512, 512, 4, 8}, {3, 1, 1, 16, 16, 8, 4}, {3, 2, 1, 64, 128, 32, 8},
	// few channels
	{3, 1, 1, 16, 32, 14, 128}, {3, 2, 1, 16, 32, 14, 128}, {5, 2, 2, 1, 16, 28, 128}, {5, 1, 2, 3, 16, 32, 64},
	// bottlenecks of ResNet-50
	{1, 1, 0, 256, 64, 32, 64}, {1, 1, 0, 64, 256, 32, 64}, {1, 2, 0, 256, 512, 32, 64},
	{3, 1, 1, 64, 64, 32, 64}, {3, 2, 1, 128, 128, 32, 64}, {1, 1, 0, 1024, 256, 8, 64}, {1, 1, 0, 512, 2048, 4, 64},
	// DCGAN
	{4, 2, 1, 3, 64, 32, 64}, {4, 2, 1, 64, 128, 16, 64}, {4, 2, 1, 128, 256, 8, 64}, {4, 1, 0, 256, 1, 4, 64},
	// what splitting strides into phases leaves of 3x3 and 4x4 with stride 2
	{2, 1, 0, 256, 128, 17, 128}, {2, 1, 0, 1024, 512, 5, 128}, {3, 1, 0, 12, 64, 18, 64},
}

// problem is the shape for package conv.
func (s shape) problem() (conv.Problem, error) {
	both := func(n int) [2]int { return [2]int{n, n} }
	g, err := conv.NewGeometry(both(s.size), both(s.kernel), both(s.stride), [2][2]int{both(s.padding), both(s.padding)})
	return conv.Problem{Geometry: g, Batch: s.batch, Inputs: s.in, Outputs: s.out, DType: dtypes.Float32}, err
}

// otherRows reads the rows of other engines from the table.
func otherRows(file string, place conv.Place) ([]conv.Row, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	var rows []conv.Row
	if err := json.Unmarshal(text, &rows); err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	return slices.DeleteFunc(rows, func(row conv.Row) bool { return row.Place == place }), nil
}

// write writes the table, one row a line, so that differences can be read.
func write(file string, rows []conv.Row) error {
	text := []byte("[\n")
	for i, row := range rows {
		line, err := json.Marshal(row)
		if err != nil {
			return err
		}
		text = append(append(text, ' ', ' '), line...)
		if i < len(rows)-1 {
			text = append(text, ',')
		}
		text = append(text, '\n')
	}
	return os.WriteFile(file, append(text, ']', '\n'), 0o644)
}
