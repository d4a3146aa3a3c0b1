package bench

import (
	"context"

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
		{Name: "memory", Unit: "GB", About: "x <- x/2 + g over 128 MB each, in place: the roof of memory", measure: timed(prepareMemory)},
	}
}

const (
	gemmSide    = 2048
	memoryWords = 32 << 20
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
	w, err := newGraphWork(e.Backend, store, []*tensors.Tensor{random(1, memoryWords)}, func(_ *model.Scope, inputs []*graph.Node) []*graph.Node {
		x := store.VariableWithShape("/x", shape, graph.Zeros)
		y := graph.Add(graph.MulScalar(x.NodeValue(inputs[0].Graph()), 0.5), inputs[0])
		x.SetNodeValue(y)
		return []*graph.Node{probe(y)}
	})
	if err != nil {
		return nil, err
	}
	const passes = 3 // x and g are read, x is written
	return &work{step: w.step, items: 1e-9 * passes * 4 * memoryWords, close: w.close}, nil
}
