package bench

import (
	"math/rand/v2"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"

	"github.com/kafisto/kafisto/internal/gradient"
)

// seed of everything that is drawn at random.
const seed = 1

// graphWork runs a compiled graph on fixed inputs, which stay on the device.
type graphWork struct {
	exec   *model.Exec
	store  *model.Store
	inputs []any
}

// newGraphWork prepares a graph that is marked as training. The first of its
// outputs is one number that is there when all of them are.
func newGraphWork(backend compute.Backend, store *model.Store, inputs []*tensors.Tensor, build func(scope *model.Scope, inputs []*graph.Node) []*graph.Node) (*graphWork, error) {
	exec, err := model.NewExec(backend, store, func(scope *model.Scope, inputs []*graph.Node) []*graph.Node {
		scope.SetTraining(inputs[0].Graph(), true)
		return build(scope, inputs)
	})
	if err != nil {
		return nil, err
	}
	w := &graphWork{exec: exec.WithName("bench"), store: store}
	for _, t := range inputs {
		if err := t.ToDevice(backend, 0); err != nil {
			return nil, err
		}
		w.inputs = append(w.inputs, t)
	}
	return w, nil
}

// step runs the graph and waits until it is done.
func (w *graphWork) step() error {
	outputs, err := w.exec.Exec(w.inputs...)
	if err != nil {
		return err
	}
	_, err = tensors.CopyFlatData[float32](outputs[0]) // waits
	for _, output := range outputs {
		_ = output.FinalizeAll() // not used again
	}
	return err
}

// close frees the graph, the variables and the inputs.
func (w *graphWork) close() {
	w.exec.Finalize()
	w.store.Finalize()
	for _, input := range w.inputs {
		_ = input.(*tensors.Tensor).FinalizeAll() // not used again
	}
}

// linked is a scalar whose gradient with respect to nodes is just adjoints. It
// looks at one number of each node, so that it costs no pass over memory.
func linked(scalar *graph.Node, nodes, adjoints []*graph.Node) *graph.Node {
	return gradient.With(scalar, nodes, func(*graph.Node) []*graph.Node { return adjoints })
}

// probe is the first number of x.
func probe(x *graph.Node) *graph.Node {
	first := make([]graph.SliceAxisSpec, x.Rank())
	for axis := range first {
		first[axis] = graph.AxisElem(0)
	}
	return graph.Reshape(graph.Slice(x, first...))
}

// random is a tensor of numbers drawn uniformly between -scale and scale.
func random(scale float32, dimensions ...int) *tensors.Tensor {
	size := shapes.Make(dtypes.Float32, dimensions...).Size()
	source := rand.New(rand.NewPCG(seed, uint64(size)))
	flat := make([]float32, size)
	for i := range flat {
		flat[i] = scale * (2*source.Float32() - 1)
	}
	return tensors.FromFlatDataAndDimensions(flat, dimensions...)
}
