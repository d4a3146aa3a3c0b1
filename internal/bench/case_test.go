package bench

import (
	"context"
	"errors"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/gomlx/gomlx/core/tensors"

	"github.com/kafisto/kafisto/internal/engine"
	"github.com/kafisto/kafisto/internal/engine/enginetest"
	"github.com/kafisto/kafisto/models"
)

// tiny is the least that can be measured.
var tiny = Options{Batch: 2, Warmup: 1, Steps: 1, Pairs: 1, Optimizer: "kafisto"}

// large are cases that differ from others in the network alone, which package
// models tests, and take gigabytes.
var large = []string{"wrn50_2", "compile/wrn50_2", "compile/resnet50", "lstm1500", "compile/lstm1500"}

// TestEveryCaseRuns measures every case once, tiny, on the Go engine.
func TestEveryCaseRuns(t *testing.T) {
	backend := enginetest.Backend(t, engine.Go)
	for _, c := range Cases() {
		if slices.Contains(large, c.Name) {
			continue
		}
		t.Run(c.Name, func(t *testing.T) {
			m, err := Measure(t.Context(), &engine.Engine{Backend: backend, Name: "go"}, c, tiny)
			if err != nil {
				t.Fatal(err)
			}
			if m.Case != c.Name || m.Engine != "go" || m.Unit != c.Unit || m.Steps < 1 || !(m.Median > 0 && m.Min > 0) || m.Min > m.Median || !(m.ItemsPerSecond > 0) {
				t.Errorf("measurement %+v", m)
			}
			if (m.Batch == 2) != (c.Batch > 0) {
				t.Errorf("batch %d", m.Batch)
			}
			if f := m.Filter; c.Name == "filter-cost" && (f == nil || f.Pairs != 1 || !(f.KaFiStO > 0 && f.SGD > 0 && f.Step > 0)) {
				t.Errorf("filter %+v", f)
			}
		})
	}
}

func TestEveryOptimizerTakesWholeSteps(t *testing.T) {
	cases, err := Select([]string{"small-cnn"})
	if err != nil {
		t.Fatal(err)
	}
	backend := enginetest.Backend(t, engine.Go)
	for _, name := range []string{"kafisto", "sgd", "adam", "adamw"} {
		o := tiny
		o.Optimizer, o.Steps = name, 30
		m, err := Measure(t.Context(), &engine.Engine{Backend: backend, Name: "go"}, cases[0], o)
		if err != nil || m.Optimizer != name {
			t.Errorf("%s: %+v, %v", name, m, err)
		}
	}
}

func TestSelect(t *testing.T) {
	names := func(cases []Case) (names []string) {
		for _, c := range cases {
			names = append(names, c.Name)
		}
		return names
	}
	seen := map[string]bool{}
	for _, name := range names(Cases()) {
		if seen[name] {
			t.Errorf("two cases are named %q", name)
		}
		seen[name] = true
	}
	for name, want := range map[string]string{
		"resnet18":         "resnet18",
		"optimizer":        "optimizer/kafisto optimizer/sgd optimizer/adam",
		"conv/512-512@4":   "conv/512-512@4/forward conv/512-512@4/input conv/512-512@4/weight",
		"bottleneck":       "bottleneck",
		"compile/resnet18": "compile/resnet18",
	} {
		cases, err := Select(strings.Fields(name))
		if got := strings.Join(names(cases), " "); err != nil || got != want {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
	for _, wrong := range []string{"", "resnet", "conv/", "conv conv/512-512@4/input", "resnet18 resnet18"} {
		if cases, err := Select(strings.Fields(wrong)); err == nil {
			t.Errorf("%q: %v", wrong, names(cases))
		}
	}
}

func TestConvolutionsCount(t *testing.T) {
	// Multiplications and additions of ResNet-18's forward pass on one image:
	// 0.5559 thousand million of each, less the linear layer.
	shape := func(in, out, size, kernel, stride int) float64 {
		return convShape{in, out, size, kernel, stride}.gigaflop(1)
	}
	total := shape(3, 64, 32, 3, 1) + 4*shape(64, 64, 32, 3, 1)
	for _, c := range []int{64, 128, 256} {
		size := 2048 / c
		total += shape(c, 2*c, size, 3, 2) + 3*shape(2*c, 2*c, size/2, 3, 1) + shape(c, 2*c, size, 1, 2)
	}
	if math.Abs(total-2*0.5558) > 0.001 {
		t.Errorf("%g GFLOP", total)
	}
	if got := (convShape{64, 128, 32, 1, 2}).String(); got != "64-128@32s2k1" {
		t.Error(got)
	}
}

func TestOptimizerMovesTheParametersAsIfTrained(t *testing.T) {
	backend := enginetest.Backend(t, engine.Go)
	parameters, err := parametersOf(backend, optimized)
	if err != nil {
		t.Fatal(err)
	}
	size := 0
	for _, p := range parameters {
		size += p.shape.Size()
	}
	if len(parameters) != 62 || size != 11_173_962 {
		t.Errorf("%d parameters in %d tensors", size, len(parameters))
	}
	for _, name := range []string{"kafisto", "sgd", "adam"} {
		w, err := newOptimizerWork(backend, name, models.SmallCNN(models.Config{Classes: 10}))
		if err != nil {
			t.Fatal(err)
		}
		defer w.close()
		bias := w.store.GetVariable("/classifier/biases")
		read := func() float32 {
			value, err := bias.Value()
			if err != nil {
				t.Fatal(err)
			}
			return tensors.MustCopyFlatData[float32](value)[0]
		}
		before, gradient := read(), tensors.MustCopyFlatData[float32](random(1e-3, 10))[0]
		step := func() {
			if err := w.step(); err != nil {
				t.Fatal(err)
			}
		}
		step()
		slope := gradient + 5e-4*before // weight decay
		if moved := read() - before; name == "sgd" && math.Abs(float64(moved+0.01*slope)) > 1e-8 {
			t.Errorf("sgd moved a parameter by %g along the gradient %g", moved, slope)
		}
		step() // KaFiStO's first one may only set its velocity
		if moved := read() - before; !(moved*slope < 0) {
			t.Errorf("%s moved a parameter by %g along the gradient %g", name, moved, slope)
		}
	}
}

func TestOptionsAreChecked(t *testing.T) {
	for _, change := range []func(*Options){
		func(o *Options) { o.Batch = -1 }, func(o *Options) { o.Warmup = 0 }, func(o *Options) { o.Steps = 0 },
		func(o *Options) { o.Pairs = 0 }, func(o *Options) { o.Steps = most + 1 }, func(o *Options) { o.Optimizer = "sdg" },
	} {
		o := tiny
		change(&o)
		if err := o.Check(); err == nil {
			t.Errorf("%+v: no error", o)
		}
	}
	if err := tiny.Check(); err != nil {
		t.Error(err)
	}
}

func TestRepeatStops(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	steps := 0
	_, err := repeat(ctx, 10, func() error { steps++; cancel(); return nil })
	if !errors.Is(err, context.Canceled) || steps != 1 {
		t.Errorf("%d steps, error %v", steps, err)
	}
}

func TestDataFolderThatIsNotThereIsAnError(t *testing.T) {
	o := tiny
	o.DataDir = t.TempDir()
	if _, err := Measure(t.Context(), &engine.Engine{Name: "go"}, pipeline, o); err == nil {
		t.Error("no error")
	}
}

// BenchmarkOptimizer is an optimizer's step on a small network's parameters.
func BenchmarkOptimizer(b *testing.B) {
	for _, name := range []string{"kafisto", "sgd", "adam"} {
		b.Run(name, func(b *testing.B) {
			w, err := newOptimizerWork(enginetest.Backend(b, engine.Go), name, models.SmallCNN(models.Config{Classes: 10}))
			if err != nil {
				b.Fatal(err)
			}
			defer w.close()
			for b.Loop() {
				if err := w.step(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
