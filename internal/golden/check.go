package golden

import (
	"errors"
	"fmt"
)

// maxSize bounds every width, batch and step count, so that products of three
// of them cannot overflow.
const maxSize = 1 << 20

// check reports the first thing in the file that does not fit together.
func (f *file) check(options Options) error {
	if f.Steps == 0 { // files may leave out what follows from the rest
		f.Steps = len(f.Log)
	}
	if f.Batch == 0 && f.Steps > 0 {
		f.Batch = len(f.Labels) / f.Steps
	}
	if f.Activation != nil && *f.Activation != "tanh" {
		return fmt.Errorf("activation is %q: only tanh is known", *f.Activation)
	}
	if f.Loss != nil && *f.Loss != "softmax cross-entropy" {
		return fmt.Errorf("loss is %q: only softmax cross-entropy is known", *f.Loss)
	}
	if err := f.checkSizes(); err != nil {
		return err
	}
	classes := f.Layers[len(f.Layers)-1]
	for i, label := range f.Labels {
		if label < 0 || int(label) >= classes {
			return fmt.Errorf("label %d is %d: it must be at least 0 and below %d, the last layer's width", i, label, classes)
		}
	}
	if n := len(options.Schedule); options.Schedule != nil && n != f.Steps {
		return fmt.Errorf("the schedule has %d values for %d steps", n, f.Steps)
	}
	for i := range f.Log {
		if err := f.Log[i].check(options, len(f.Init)); err != nil {
			return fmt.Errorf("log entry %d: %w", i, err)
		}
	}
	return nil
}

func (f *file) checkSizes() error {
	if len(f.Layers) < 2 {
		return fmt.Errorf("layers has %d widths: it needs at least 2, input and output", len(f.Layers))
	}
	for _, size := range append([]int{f.Steps, f.Batch}, f.Layers...) {
		if size < 1 || size > maxSize {
			return fmt.Errorf("steps %d, batch %d, layers %v: each must be between 1 and %d", f.Steps, f.Batch, f.Layers, maxSize)
		}
	}
	examples := int64(f.Steps) * int64(f.Batch)
	if want := examples * int64(f.Layers[0]); int64(len(f.X)) != want {
		return fmt.Errorf("x has %d numbers: steps * batch * inputs is %d", len(f.X), want)
	}
	if int64(len(f.Labels)) != examples {
		return fmt.Errorf("labels has %d numbers: steps * batch is %d", len(f.Labels), examples)
	}
	if len(f.Log) != f.Steps {
		return fmt.Errorf("log has %d entries for %d steps", len(f.Log), f.Steps)
	}
	if err := f.checkParameters("init", f.Init); err != nil {
		return err
	}
	return f.checkParameters("final", f.Final)
}

func (f *file) checkParameters(name string, parameters [][]float64) error {
	if want := 2 * (len(f.Layers) - 1); len(parameters) != want {
		return fmt.Errorf("%s has %d tensors: layers %v need %d", name, len(parameters), f.Layers, want)
	}
	for i, values := range parameters {
		in, out := int64(f.Layers[i/2]), int64(f.Layers[i/2+1])
		want := in * out
		if i%2 == 1 {
			want = out
		}
		if int64(len(values)) != want {
			return fmt.Errorf("%s tensor %d has %d numbers: layers %v need %d", name, i, len(values), f.Layers, want)
		}
	}
	return nil
}

func (e *fileEntry) check(options Options, parameters int) error {
	if e.Loss == nil || e.LossSquareMean == nil {
		return errors.New("loss or lossSquareMean is missing")
	}
	if len(e.ParamNorms) != parameters {
		return fmt.Errorf("paramNorms has %d numbers for %d tensors", len(e.ParamNorms), parameters)
	}
	if options.Baseline() {
		return nil
	}
	if e.R == nil {
		return errors.New("number R is missing")
	}
	want := 1
	if options.Algorithm == Dynamics {
		want = 4
		if e.Qx == nil {
			return errors.New("qx is missing")
		}
	}
	if len(e.P) != want {
		return fmt.Errorf("entry P has %d numbers: %s needs %d", len(e.P), options.Algorithm, want)
	}
	return nil
}
