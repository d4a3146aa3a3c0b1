package bench

import (
	"context"
	"fmt"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"

	"github.com/kafisto/kafisto/internal/engine"
)

// machineCases measure what the machine can do, for rooflines: how fast it
// multiplies matrices, and how fast it goes through memory.
func machineCases() []Case {
	return []Case{
		{Name: "gemm", Unit: "GFLOP", About: "product of two matrices of 2048 x 2048: the roof of arithmetic", measure: timed(prepareGEMM)},
		{Name: "memory", Unit: "GB", About: "x <- x/2 + g over 128 MB each in 16 tensors: the roof of memory", measure: timed(prepareMemory)},
	}
}

const (
	gemmSide      = 2048
	memoryTensors = 16 // as large as a network's: an allocator hands larger ones out as fresh pages
	memoryWords   = 2 << 20
)

func prepareGEMM(_ context.Context, e *engine.Engine, _ Options) (*work, error) {
	inputs := []*tensors.Tensor{random(1, gemmSide, gemmSide), random(1, gemmSide, gemmSide)}
	w, err := newGraphWork(e.Backend, model.NewStore(), inputs, func(_ *model.Scope, inputs []*graph.Node) []*graph.Node {
		product := graph.Dot(inputs[0], inputs[1]).Product()
		return []*graph.Node{probe(product), product}
	})
	if err != nil {
		return nil, err
	}
	return &work{step: w.step, items: 2e-9 * gemmSide * gemmSide * gemmSide, close: w.close}, nil
}

func prepareMemory(_ context.Context, e *engine.Engine, _ Options) (*work, error) {
	store, shape := model.NewStore(), shapes.Make(dtypes.Float32, memoryWords)
	var inputs []*tensors.Tensor
	for range memoryTensors {
		inputs = append(inputs, random(1, memoryWords))
	}
	w, err := newGraphWork(e.Backend, store, inputs, func(_ *model.Scope, inputs []*graph.Node) []*graph.Node {
		sum := graph.ScalarZero(inputs[0].Graph(), dtypes.Float32)
		for i, g := range inputs {
			x := store.VariableWithShape(fmt.Sprintf("/x%d", i), shape, graph.Zeros)
			y := graph.Add(graph.MulScalar(x.NodeValue(g.Graph()), 0.5), g)
			x.SetNodeValue(y)
			sum = graph.Add(sum, probe(y))
		}
		return []*graph.Node{sum}
	})
	if err != nil {
		return nil, err
	}
	const passes = 3 // x and g are read, x is written
	return &work{step: w.step, items: 1e-9 * passes * 4 * memoryWords * memoryTensors, close: w.close}, nil
}
