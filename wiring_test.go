package kafisto_test

import (
	"math"
	"strings"
	"testing"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/distributed"
	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"
	"github.com/gomlx/gomlx/ml/train"
	"github.com/gomlx/gomlx/ml/train/optimizer"
	"github.com/gomlx/gomlx/support/exceptions"

	"github.com/kafisto/kafisto"
	"github.com/kafisto/kafisto/internal/engine"
	"github.com/kafisto/kafisto/internal/engine/enginetest"
)

// line is y = a x + b with variables a and b.
func line(scope *model.Scope, x *graph.Node) *graph.Node {
	a := scope.VariableWithValue("a", float32(0.5)).NodeValue(x)
	b := scope.VariableWithValue("b", float32(-0.5)).NodeValue(x)
	return graph.Add(graph.Mul(x, a), b)
}

var (
	lineX = []float32{0, 1, 2, 3}
	lineY = []float32{1, 3, 5, 7}
)

// squared is the per-example loss.
func squared(labels, predictions []*graph.Node) *graph.Node {
	return graph.Square(graph.Sub(predictions[0], labels[0]))
}

// stepWith runs hand-written steps and returns the last loss.
func stepWith(t *testing.T, store *model.Store, steps int, build func(scope *model.Scope, x, y *graph.Node) *graph.Node) (float32, error) {
	t.Helper()
	return runOn(t, enginetest.Backend(t, engine.Go), store, steps, build)
}

func runOn(t *testing.T, backend compute.Backend, store *model.Store, steps int, build func(scope *model.Scope, x, y *graph.Node) *graph.Node) (float32, error) {
	t.Helper()
	exec, err := model.NewExec(backend, store, build)
	if err != nil {
		t.Fatal(err)
	}
	var loss float32
	for range steps {
		out, err := exec.Exec(lineX, lineY)
		if err != nil {
			return 0, err
		}
		loss = tensors.ToScalar[float32](out[0])
	}
	return loss, nil
}

// handWritten is a correct hand-written step.
func handWritten(opt *kafisto.Optimizer) func(scope *model.Scope, x, y *graph.Node) *graph.Node {
	net := kafisto.Model(opt, line)
	return func(scope *model.Scope, x, y *graph.Node) *graph.Node {
		scope.SetTraining(x.Graph(), true)
		prediction := net(scope, nil, []*graph.Node{x})[0]
		loss := opt.Observe(squared([]*graph.Node{y}, []*graph.Node{prediction}), nil)
		opt.UpdateGraph(scope, x.Graph(), loss)
		return loss
	}
}

func TestWrongWiringSaysWhatToDo(t *testing.T) {
	opt := kafisto.New().MustDone()
	net := kafisto.Model(opt, line)
	predicted := func(scope *model.Scope, x *graph.Node) *graph.Node {
		scope.SetTraining(x.Graph(), true)
		return net(scope, nil, []*graph.Node{x})[0]
	}
	losses := func(p, y *graph.Node) *graph.Node { return squared([]*graph.Node{y}, []*graph.Node{p}) }
	for name, test := range map[string]struct {
		want  string
		build func(scope *model.Scope, x, y *graph.Node) *graph.Node
	}{
		"no predict": {"wrap the model function with kafisto.Model", func(scope *model.Scope, x, y *graph.Node) *graph.Node {
			loss := opt.Observe(losses(line(scope, x), y), nil)
			opt.UpdateGraph(scope, x.Graph(), loss)
			return loss
		}},
		"not marked as training": {"scope.SetTraining(g, true)", func(scope *model.Scope, x, y *graph.Node) *graph.Node {
			loss := opt.Observe(losses(net(scope, nil, []*graph.Node{x})[0], y), nil)
			opt.UpdateGraph(scope, x.Graph(), loss)
			return loss
		}},
		"no per-example losses": {"wrap the loss function with kafisto.Loss", func(scope *model.Scope, x, y *graph.Node) *graph.Node {
			loss := graph.ReduceAllMean(losses(predicted(scope, x), y))
			opt.UpdateGraph(scope, x.Graph(), loss)
			return loss
		}},
		"scalar loss": {"return one loss an example", func(scope *model.Scope, x, y *graph.Node) *graph.Node {
			return opt.Observe(graph.ReduceAllMean(losses(predicted(scope, x), y)), nil)
		}},
		"loss not reduced": {"reduce it to a scalar", func(scope *model.Scope, x, y *graph.Node) *graph.Node {
			l := losses(predicted(scope, x), y)
			opt.Observe(l, nil)
			opt.UpdateGraph(scope, x.Graph(), l)
			return l
		}},
		"predict, not marked as training": {"call scope.SetTraining(g, true) first", func(scope *model.Scope, x, y *graph.Node) *graph.Node {
			opt.Predict(scope, x.Graph())
			return x
		}},
		"predict after the model": {"call Predict before the model is built", func(scope *model.Scope, x, y *graph.Node) *graph.Node {
			scope.SetTraining(x.Graph(), true)
			p := line(scope, x)
			opt.Predict(scope, x.Graph())
			return p
		}},
		"predict before any variable": {"create the model's variables first", func(scope *model.Scope, x, y *graph.Node) *graph.Node {
			scope.SetTraining(x.Graph(), true)
			opt.Predict(scope, x.Graph())
			return line(scope, x)
		}},
		"predict twice": {"Predict was called twice", func(scope *model.Scope, x, y *graph.Node) *graph.Node {
			p := predicted(scope, x)
			opt.Predict(scope, x.Graph())
			return p
		}},
		"observe twice": {"concatenate the per-example losses", func(scope *model.Scope, x, y *graph.Node) *graph.Node {
			l := losses(predicted(scope, x), y)
			opt.Observe(l, nil)
			return opt.Observe(l, nil)
		}},
		"update twice": {"UpdateGraph was called twice", func(scope *model.Scope, x, y *graph.Node) *graph.Node {
			loss := opt.Observe(losses(predicted(scope, x), y), nil)
			opt.UpdateGraph(scope, x.Graph(), loss)
			opt.UpdateGraph(scope, x.Graph(), loss)
			return loss
		}},
		"late variable": {`variable "/late" is used but was not predicted`, func(scope *model.Scope, x, y *graph.Node) *graph.Node {
			p := predicted(scope, x)
			late := scope.VariableWithValue("late", float32(1)).NodeValue(x)
			loss := opt.Observe(losses(graph.Mul(p, late), y), nil)
			opt.UpdateGraph(scope, x.Graph(), loss)
			return loss
		}},
		"report too early": {"Report before UpdateGraph", func(scope *model.Scope, x, y *graph.Node) *graph.Node {
			predicted(scope, x)
			return opt.Report(x.Graph()).MeasurementNoise
		}},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := stepWith(t, model.NewStore(), 1, test.build)
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("error %v, want one with %q", err, test.want)
			}
		})
	}
}

func TestSeveralDevicesAreRefused(t *testing.T) {
	mesh, err := distributed.NewDeviceMesh([]int{2}, []string{"data"})
	if err != nil {
		t.Fatal(err)
	}
	g := graph.NewGraph(enginetest.Backend(t, engine.Go), "two devices")
	_ = g.SetSPMD(mesh) // complains that the backend has one device, and takes it all the same
	if g.NumDevices() != 2 {
		t.Fatalf("the graph is for %d devices: the test shows nothing", g.NumDevices())
	}
	err = exceptions.TryCatch[error](func() {
		kafisto.New().MustDone().Predict(model.NewStore().RootScope(), g)
	})
	if err == nil || !strings.Contains(err.Error(), "training on 2 devices at once is not supported yet: use one device") {
		t.Errorf("error %v", err)
	}
}

func TestGradientAccumulationIsRefused(t *testing.T) {
	opt := kafisto.New().MustDone()
	trainer := train.NewTrainer(enginetest.Backend(t, engine.Go), model.NewStore(),
		kafisto.Model(opt, line), kafisto.Loss(opt, squared), opt, nil, nil)
	if err := trainer.AccumulateGradients(2); err == nil || !strings.Contains(err.Error(), "use an optmizer that supports it") {
		t.Errorf("error %v", err)
	}
}

// TestPosteriorAndPrediction: after a step, the store holds what the filter
// corrected, an evaluation graph uses exactly that, and the next training
// graph uses the prediction.
func TestPosteriorAndPrediction(t *testing.T) {
	opt := kafisto.New().MustDone()
	store := model.NewStore()
	if _, err := stepWith(t, store, 3, handWritten(opt)); err != nil {
		t.Fatal(err)
	}
	value := func(path string) float32 { return tensors.ToScalar[float32](store.GetVariable(path).MustValue()) }
	posterior, velocity := value("/b"), value("/kafisto/velocity/b")
	if velocity == 0 {
		t.Fatal("the velocity is 0: the test shows nothing")
	}
	net := kafisto.Model(opt, line)
	at0 := func(training bool) float32 {
		exec, err := model.NewExec(enginetest.Backend(t, engine.Go), store, func(scope *model.Scope, x *graph.Node) *graph.Node {
			scope.SetTraining(x.Graph(), training)
			return net(scope, nil, []*graph.Node{x})[0]
		})
		if err != nil {
			t.Fatal(err)
		}
		out, err := exec.Exec(float32(0))
		if err != nil {
			t.Fatal(err)
		}
		return tensors.ToScalar[float32](out[0])
	}
	if got := at0(false); got != posterior {
		t.Errorf("evaluation sees b = %g, the posterior is %g", got, posterior)
	}
	if got := at0(true); got != posterior+velocity {
		t.Errorf("training sees b = %g, the prediction is %g", got, posterior+velocity)
	}
}

// TestEvaluationIsNeverStale evaluates with one graph before and after training:
// GoMLX alone would show the first values twice on the Go backend.
func TestEvaluationIsNeverStale(t *testing.T) {
	enginetest.Each(t, func(t *testing.T, backend compute.Backend) {
		opt := kafisto.New().MustDone()
		store := model.NewStore()
		net := kafisto.Model(opt, line)
		evaluate, err := model.NewExec(backend, store, func(scope *model.Scope, x *graph.Node) *graph.Node {
			return net(scope, nil, []*graph.Node{x})[0]
		})
		if err != nil {
			t.Fatal(err)
		}
		at := func(x float32) float32 {
			out, err := evaluate.Exec(x)
			if err != nil {
				t.Fatal(err)
			}
			return tensors.ToScalar[float32](out[0])
		}
		before := at(2)
		if _, err := runOn(t, backend, store, 20, handWritten(opt)); err != nil {
			t.Fatal(err)
		}
		value := func(path string) float32 { return tensors.ToScalar[float32](store.GetVariable(path).MustValue()) }
		if after, want := at(2), 2*value("/a")+value("/b"); after != want || after == before {
			t.Errorf("evaluation gives %g, the variables %g (before training %g)", after, want, before)
		}
	})
}

func TestFrozenAndTiedVariables(t *testing.T) {
	opt := kafisto.New().MustDone()
	store := model.NewStore()
	tied := func(scope *model.Scope, x *graph.Node) *graph.Node {
		w := scope.VariableWithValue("w", float32(0.5)).NodeValue(x)
		frozen := scope.VariableWithValue("frozen", float32(2)).SetTrainable(false).NodeValue(x)
		return graph.Add(graph.Mul(graph.Mul(x, w), w), frozen)
	}
	net := kafisto.Model(opt, tied)
	var layers int
	_, err := stepWith(t, store, 2, func(scope *model.Scope, x, y *graph.Node) *graph.Node {
		scope.SetTraining(x.Graph(), true)
		loss := opt.Observe(squared([]*graph.Node{y}, net(scope, nil, []*graph.Node{x})), nil)
		opt.UpdateGraph(scope, x.Graph(), loss)
		layers = opt.Report(x.Graph()).LearningRates.Shape().Size()
		return loss
	})
	if err != nil {
		t.Fatal(err)
	}
	if layers != 1 {
		t.Errorf("%d layers, want the tied variable once", layers)
	}
	if got := tensors.ToScalar[float32](store.GetVariable("/frozen").MustValue()); got != 2 {
		t.Errorf("the frozen variable became %g", got)
	}
	if store.GetVariable("/kafisto/velocity/frozen") != nil {
		t.Error("the frozen variable has a velocity")
	}
}

// observed runs one evaluation-free step over given losses and returns L, R
// and the innovation.
func observed(t *testing.T, losses []float32, mask []bool, auxiliary float64) (loss float32, R, innovation float64) {
	t.Helper()
	opt := kafisto.New().Variant(kafisto.Paper).MustDone() // R starts at the first mean square
	exec, err := model.NewExec(enginetest.Backend(t, engine.Go), model.NewStore(), func(scope *model.Scope, l, m *graph.Node) []*graph.Node {
		g := l.Graph()
		scope.SetTraining(g, true)
		one := kafisto.Model(opt, func(scope *model.Scope, x *graph.Node) *graph.Node {
			return scope.VariableWithValue("one", float32(1)).NodeValue(x)
		})(scope, nil, []*graph.Node{l})[0]
		mean := opt.Observe(graph.Mul(l, one), m)
		total := graph.AddScalar(mean, auxiliary)
		opt.UpdateGraph(scope, g, total)
		r := opt.Report(g)
		return []*graph.Node{mean, r.MeasurementNoise, r.Innovation}
	})
	if err != nil {
		t.Fatal(err)
	}
	out, err := exec.Exec(losses, mask)
	if err != nil {
		t.Fatal(err)
	}
	return tensors.ToScalar[float32](out[0]), tensors.ToScalar[float64](out[1]), tensors.ToScalar[float64](out[2])
}

func TestMaskAndAuxiliaryLosses(t *testing.T) {
	loss, R, innovation := observed(t, []float32{1, 3, 100}, []bool{true, true, false}, 0)
	if loss != 2 || R != 5 || innovation != -2 {
		t.Errorf("masked: L = %g, R = %g, innovation = %g, want 2, 5, -2", loss, R, innovation)
	}
	loss, R, innovation = observed(t, []float32{1, 3}, []bool{true, true}, 7)
	if loss != 2 || R != 5 || innovation != -9 {
		t.Errorf("auxiliary loss: mean = %g, R = %g, innovation = %g, want 2, 5, -9", loss, R, innovation)
	}
	if loss, R, _ = observed(t, []float32{1, 3}, []bool{false, false}, 0); loss != 0 || R != 0 {
		t.Errorf("all masked: L = %g, R = %g, want 0, 0", loss, R)
	}
}

func TestByName(t *testing.T) {
	store := model.NewStore()
	store.SetParams(map[string]any{kafisto.ParamVariant: "paper", kafisto.ParamWeightDecay: 0.25, optimizer.ParamLearningRate: 1e-3})
	opt, ok := optimizer.ByName(store.RootScope(), "kafisto").(*kafisto.Optimizer)
	if !ok {
		t.Fatal("ByName gave another optimizer")
	}
	if s := opt.Settings(); s.Variant != kafisto.Paper || s.WeightDecay != 0.25 || s.LearningRate != 1 || s.Algorithm != kafisto.Dynamics {
		t.Errorf("settings %+v", s)
	}
	// Any other optimizer passes through the wrappers.
	sgd := optimizer.StochasticGradientDescent().WithDecay(false).WithLearningRate(0.05)
	trainer := train.NewTrainer(enginetest.Backend(t, engine.Go), model.NewStore(), kafisto.Model(sgd, line), kafisto.Loss(sgd, squared), sgd, nil, nil)
	var last float32
	for range 200 {
		out, err := trainer.TrainStep(train.Batch{Inputs: []*tensors.Tensor{tensors.FromValue(lineX)}, Labels: []*tensors.Tensor{tensors.FromValue(lineY)}})
		if err != nil {
			t.Fatal(err)
		}
		last = tensors.ToScalar[float32](out[0])
	}
	if last > 0.01 {
		t.Errorf("SGD's loss is %g", last)
	}
}

func TestTwoOptimizersInOneStore(t *testing.T) {
	only := func(path string) func(*model.Variable) bool {
		return func(v *model.Variable) bool { return v.Path() == path }
	}
	store := model.NewStore()
	for _, path := range []string{"/a", "/b"} {
		opt := kafisto.New().Scope("kafisto" + path[1:]).Only(only(path)).MustDone()
		if _, err := stepWith(t, store, 3, handWritten(opt)); err != nil {
			t.Fatal(err)
		}
	}
	for path, want := range map[string]bool{"/kafistoa/velocity/a": true, "/kafistob/velocity/b": true, "/kafistoa/velocity/b": false, "/kafistob/velocity/a": false} {
		if got := store.GetVariable(path) != nil; got != want {
			t.Errorf("%s exists: %t, want %t", path, got, want)
		}
	}
}

func TestSettingsOutOfRange(t *testing.T) {
	for want, b := range map[string]*kafisto.Builder{
		`unknown algorithm "x"`:         kafisto.New().Algorithm("x"),
		`unknown variant "x"`:           kafisto.New().Variant("x"),
		"velocity decay is 2":           kafisto.New().VelocityDecay(2),
		"learning rate is -1":           kafisto.New().LearningRate(-1),
		"weight decay is NaN":           kafisto.New().WeightDecay(math.NaN()),
		"divides by zero":               kafisto.New().ConstantMeasurementNoise(0),
		"not positive semi-definite":    kafisto.New().InitialCovariance(0.1, 0.1, 1),
		`the scope ""`:                  kafisto.New().Scope(""),
		"measurement noise's smoothing": kafisto.New().AdaptiveMeasurementNoise(1, 1),
	} {
		if _, err := b.Done(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want one with %q", err, want)
		}
	}
}

func TestHalfPrecisionKeepsItsDType(t *testing.T) {
	opt := kafisto.New().MustDone()
	store := model.NewStore()
	half := func(scope *model.Scope, x *graph.Node) *graph.Node {
		shape := shapes.Make(dtypes.BFloat16, 2)
		w := scope.WithInitializer(graph.Ones).VariableWithShape("w", shape).NodeValue(x)
		return graph.Mul(x, graph.ReduceAllSum(graph.ConvertDType(w, dtypes.Float32)))
	}
	net := kafisto.Model(opt, half)
	_, err := stepWith(t, store, 2, func(scope *model.Scope, x, y *graph.Node) *graph.Node {
		scope.SetTraining(x.Graph(), true)
		loss := opt.Observe(squared([]*graph.Node{y}, net(scope, nil, []*graph.Node{x})), nil)
		opt.UpdateGraph(scope, x.Graph(), loss)
		return loss
	})
	if err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]dtypes.DType{"/w": dtypes.BFloat16, "/kafisto/velocity/w": dtypes.Float32, "/kafisto/parameter_variance": dtypes.Float64} {
		if got := store.GetVariable(path).DType(); got != want {
			t.Errorf("%s has dtype %s, want %s", path, got, want)
		}
	}
}
