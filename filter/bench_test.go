package filter_test

import (
	"testing"

	"github.com/kafisto/kafisto/filter"
)

// BenchmarkStep is a prediction and an update of 100,000 parameters in ten
// layers. The bytes are those of the parameters.
func BenchmarkStep(b *testing.B) {
	const layers, size = 10, 10_000
	parameters, gradients := make([][]float64, layers), make([][]float64, layers)
	for i := range layers {
		parameters[i], gradients[i] = make([]float64, size), make([]float64, size)
		for j := range size {
			parameters[i][j], gradients[i][j] = 0.01*float64(j%7), 1e-4*float64(j%5-2)
		}
	}
	f, err := filter.New(filter.DefaultConfig(), parameters...)
	if err != nil {
		b.Fatal(err)
	}
	b.SetBytes(8 * layers * size)
	for b.Loop() {
		if err := f.Predict(); err != nil {
			b.Fatal(err)
		}
		if _, err := f.Update(filter.Measurement{Loss: 1, MeanSquaredLoss: 1.2, Gradients: gradients}); err != nil {
			b.Fatal(err)
		}
	}
}
