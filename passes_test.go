package kafisto

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/dtypes"
	. "github.com/gomlx/gomlx/core/graph" //nolint:staticcheck // as in equations.go
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"

	"github.com/kafisto/kafisto/internal/engine/enginetest"
	"github.com/kafisto/kafisto/native"
	"github.com/kafisto/kafisto/schedule"
)

// trajectory is what each of some steps reported, and the state after the last.
type trajectory struct {
	steps [][]float64 // loss, R, qx, P, innovation, gradient norm, learning rates
	state map[string][]float64

	byKernels bool
}

// The sizes of a network that has a layer with more parameters than the kernels
// do at a time.
const inputSize, hiddenSize, outputSize, batchSize = 120, 150, 3, 16

// network has layers of all ranks, and one whose gradient is zero where the
// second input is.
func network(scope *model.Scope, in []*Node) []*Node {
	x, on := in[0], in[1]
	r := rand.New(rand.NewPCG(1, 2))
	variable := func(name string, scale float64, dims ...int) *Node {
		size := 1
		for _, d := range dims {
			size *= d
		}
		start := make([]float32, size)
		for i := range start {
			start[i] = float32(scale * r.NormFloat64())
		}
		return scope.VariableWithValue(name, tensors.FromFlatDataAndDimensions(start, dims...)).NodeValue(x)
	}
	row := func(v *Node) *Node { return Reshape(v, 1, v.Shape().Size()) }
	hidden := Tanh(Add(MatMul(x, variable("w1", 0.1, inputSize, hiddenSize)), row(variable("b1", 0.1, hiddenSize))))
	hidden = Mul(hidden, AddScalar(Mul(on, row(variable("gated", 0.5, hiddenSize))), 1))
	y := Add(MatMul(hidden, variable("w2", 0.1, hiddenSize, outputSize)), row(variable("b2", 0.1, outputSize)))
	return []*Node{Mul(y, AddScalar(variable("factor", 0.1), 1))}
}

// twentySteps trains on a backend.
func twentySteps(t *testing.T, backend compute.Backend, o *Optimizer) (tr trajectory) {
	t.Helper()
	store := model.NewStore()
	net := Model(o, network)
	step, err := model.NewExec(backend, store, func(scope *model.Scope, in []*Node) []*Node {
		g := in[0].Graph()
		scope.SetTraining(g, true)
		loss := o.Observe(SquaredError(in[2:], net(scope, nil, in[:2])), nil)
		o.UpdateGraph(scope, g, loss)
		_, tr.byKernels = o.passesIn(g, o.stepOf(g)).(nativePasses)
		report := o.Report(g)
		out := append([]*Node{ConvertDType(loss, dtypes.Float64), report.MeasurementNoise, report.StateNoise, report.Innovation,
			report.GradientNorm, report.LearningRates}, report.Covariance...)
		for i, n := range out {
			out[i] = Reshape(n, -1)
		}
		return []*Node{Concatenate(out, 0)}
	})
	if err != nil {
		t.Fatal(err)
	}
	defer step.Finalize()
	r := rand.New(rand.NewPCG(3, 4))
	for k := range 20 {
		x, y := make([]float32, batchSize*inputSize), make([]float32, batchSize*outputSize)
		for i := range x {
			x[i] = float32(r.NormFloat64())
		}
		for i := range y {
			y[i] = x[i] + 1
		}
		on := float32(1)
		if k%3 == 1 {
			on = 0
		}
		out := step.MustCall(tensors.FromFlatDataAndDimensions(x, batchSize, inputSize), on,
			tensors.FromFlatDataAndDimensions(y, batchSize, outputSize))
		tr.steps = append(tr.steps, tensors.MustCopyFlatData[float64](out[0]))
	}
	tr.state = map[string][]float64{}
	for v := range store.IterVariables() {
		switch value := v.MustValue(); value.DType() {
		case dtypes.Float32:
			for _, x := range tensors.MustCopyFlatData[float32](value) {
				tr.state[v.Path()] = append(tr.state[v.Path()], float64(x))
			}
		case dtypes.Float64:
			tr.state[v.Path()] = tensors.MustCopyFlatData[float64](value)
		}
	}
	return tr
}

// mustAgree fails unless two vectors agree to rounding of single precision,
// relative to their largest element.
func mustAgree(t *testing.T, what string, got, want []float64, tolerance float64) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%s: %d numbers, want %d", what, len(got), len(want))
	}
	largest := 0.0
	for _, v := range want {
		largest = max(largest, math.Abs(v))
	}
	for i := range want {
		if diff := math.Abs(got[i] - want[i]); !(diff <= tolerance*largest) {
			t.Fatalf("%s: element %d is %.9g by kernels, %.9g by operations: %.2g of the largest", what, i, got[i], want[i], diff/largest)
		}
	}
}

// TestNativePassesTakeTheSameSteps trains one network by the kernels and by the
// graph's operations, on the same backend.
func TestNativePassesTakeTheSameSteps(t *testing.T) {
	backend := enginetest.Backend(t, "xla:cpu")
	if !native.Available(backend) {
		t.Skip("no kernels: package native tests whether there should be some")
	}
	for name, b := range map[string]*Builder{
		"published":                   New(),
		"paper":                       New().Variant(Paper),
		"constant qx, target":         New().ConstantStateNoise(0.02).Target(FractionTarget(schedule.Constant(0.3))),
		"whole network, weight decay": New().WholeNetwork().Variant(Paper).WeightDecay(0.01),
		"decays with exclusions":      New().WeightDecay(0.02).DecoupledWeightDecay(0.01).ExcludeFromDecay(BiasesAndNorms),
		"smoothing, decoupled decay":  New().AdaptiveStateNoise(0.6, 0.5, 0.1).VelocityDecay(0.7).LearningRate(0.5).DecoupledWeightDecay(0.01),
	} {
		t.Run(name, func(t *testing.T) {
			byKernels, byOperations := b.MustDone(), b.MustDone()
			byOperations.config.withoutKernels = true
			got, want := twentySteps(t, backend, byKernels), twentySteps(t, backend, byOperations)
			if !got.byKernels || want.byKernels {
				t.Fatalf("kernels: %t in the run with, %t in the run without", got.byKernels, want.byKernels)
			}
			for k := range want.steps {
				for i, v := range want.steps[k] {
					mustAgree(t, fmt.Sprintf("step %d, number %d of the report", k, i), got.steps[k][i:i+1], []float64{v}, 1e-4)
				}
			}
			if len(got.state) != len(want.state) || len(got.state) < 5 {
				t.Fatalf("%d variables by kernels, %d by operations", len(got.state), len(want.state))
			}
			for path, values := range want.state {
				mustAgree(t, path, got.state[path], values, 1e-4)
			}
			if first, last := want.steps[0][0], want.steps[len(want.steps)-1][0]; !(last < first) {
				t.Errorf("the loss went from %g to %g: the test shows little", first, last)
			}
		})
	}
}
