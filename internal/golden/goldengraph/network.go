// Package goldengraph is the golden trajectories' network as a GoMLX model.
package goldengraph

import (
	"fmt"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"

	"github.com/kafisto/kafisto/internal/golden"
)

// Logits builds the network: the result is [batch, classes] for inputs x
// [batch, inputs]. Its variables w1, b1, w2, b2, ... are created in the given
// scope with the trajectory's initial parameters, in x's dtype (Float32 or
// Float64).
func Logits(scope *model.Scope, tr *golden.Trajectory, x *graph.Node) *graph.Node {
	g := x.Graph()
	for i, v := range Variables(scope, tr, x.DType()) {
		switch {
		case i%2 == 0:
			x = graph.Dot(x, v.NodeValue(g)).MatMul()
		case i+1 < len(tr.Init):
			x = graph.Tanh(graph.Add(x, graph.InsertAxes(v.NodeValue(g), 0)))
		default:
			x = graph.Add(x, graph.InsertAxes(v.NodeValue(g), 0))
		}
	}
	return x
}

// Variables returns the network's variables in the trajectory's order W1, b1,
// W2, b2, ..., creating those that do not exist yet with their initial values.
func Variables(scope *model.Scope, tr *golden.Trajectory, dtype dtypes.DType) []*model.Variable {
	variables := make([]*model.Variable, len(tr.Init))
	for i, values := range tr.Init {
		name, dims := fmt.Sprintf("w%d", i/2+1), []int{tr.Layers[i/2], tr.Layers[i/2+1]}
		if i%2 == 1 {
			name, dims = fmt.Sprintf("b%d", i/2+1), dims[1:]
		}
		variables[i] = scope.VariableWithValue(name, tensorOf(values, dtype, dims...))
	}
	return variables
}

// Losses is the softmax cross-entropy of every example, [batch], for logits
// [batch, classes] and integer labels [batch].
func Losses(labels, logits *graph.Node) *graph.Node {
	classes := logits.Shape().Dim(-1)
	picked := graph.ReduceSum(graph.Mul(logits, graph.OneHot(labels, classes, logits.DType())), -1)
	largest := graph.StopGradient(graph.ReduceMax(logits, -1))
	sum := graph.ReduceSum(graph.Exp(graph.Sub(logits, graph.InsertAxes(largest, -1))), -1)
	return graph.Sub(graph.Add(graph.Log(sum), largest), picked)
}

// Batch returns the inputs [batch, inputs] and labels [batch] of a step,
// counted from 0; steps beyond the trajectory's start over.
func Batch(tr *golden.Trajectory, step int, dtype dtypes.DType) (x, labels *tensors.Tensor) {
	first := step % tr.Steps * tr.Batch
	inputs := tr.Layers[0]
	x = tensorOf(tr.X[first*inputs:(first+tr.Batch)*inputs], dtype, tr.Batch, inputs)
	return x, tensors.FromFlatDataAndDimensions(tr.Labels[first:first+tr.Batch], tr.Batch)
}

// Parameters returns the current values of Variables as float64.
func Parameters(scope *model.Scope, tr *golden.Trajectory, dtype dtypes.DType) ([][]float64, error) {
	var parameters [][]float64
	for _, v := range Variables(scope, tr, dtype) {
		value, err := v.Value()
		if err != nil {
			return nil, fmt.Errorf("golden: %w", err)
		}
		parameters = append(parameters, Float64s(value))
	}
	return parameters, nil
}

// Float64s copies the numbers of a Float32 or Float64 tensor, flat.
func Float64s(value *tensors.Tensor) []float64 {
	if value.DType() == dtypes.Float64 {
		return tensors.MustCopyFlatData[float64](value)
	}
	var numbers []float64
	for _, v := range tensors.MustCopyFlatData[float32](value) {
		numbers = append(numbers, float64(v))
	}
	return numbers
}

func tensorOf(values []float64, dtype dtypes.DType, dims ...int) *tensors.Tensor {
	if dtype == dtypes.Float64 {
		return tensors.FromFlatDataAndDimensions(values, dims...)
	}
	single := make([]float32, len(values))
	for i, v := range values {
		single[i] = float32(v)
	}
	return tensors.FromFlatDataAndDimensions(single, dims...)
}
