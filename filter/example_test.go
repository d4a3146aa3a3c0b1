package filter_test

import (
	"fmt"
	"math"

	"github.com/kafisto/kafisto/filter"
)

// A logistic regression with its own gradients: whether O-rings were in distress
// in the 23 shuttle flights before the Challenger accident, by temperature in
// degrees Fahrenheit (Dalal, Fowlkes and Hoadley, 1989). The result is the
// maximum-likelihood fit.
func Example() {
	temperature := []float64{66, 70, 69, 68, 67, 72, 73, 70, 57, 63, 70, 78, 67, 53, 67, 75, 70, 81, 76, 79, 75, 76, 58}
	distress := []float64{0, 1, 0, 0, 0, 0, 0, 0, 1, 1, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 1, 0, 1}
	slope, intercept := []float64{0}, []float64{0}
	probability := func(t float64) float64 {
		return 1 / (1 + math.Exp(-slope[0]*(t-70)/10-intercept[0]))
	}

	config := filter.DefaultConfig()
	config.Target = filter.ConstantTarget(0.44) // the loss cannot reach 0 here
	f, err := filter.New(config, slope, intercept)
	if err != nil {
		fmt.Println(err)
		return
	}
	for range 1000 {
		if err := f.Predict(); err != nil {
			fmt.Println(err)
			return
		}
		losses := make([]float64, len(distress))
		gradients := [][]float64{{0}, {0}}
		for i, y := range distress {
			p := probability(temperature[i])
			losses[i] = -y*math.Log(p) - (1-y)*math.Log(1-p)
			gradients[0][0] += (p - y) * (temperature[i] - 70) / 10 / float64(len(losses))
			gradients[1][0] += (p - y) / float64(len(losses))
		}
		loss, meanSquare := filter.MeanAndMeanSquare(losses)
		if _, err := f.Update(filter.Measurement{Loss: loss, MeanSquaredLoss: meanSquare, Gradients: gradients}); err != nil {
			fmt.Println(err)
			return
		}
	}
	fmt.Printf("distress at 75 F: %.0f %%, at 50 F: %.0f %%\n", 100*probability(75), 100*probability(50))
	// Output: distress at 75 F: 9 %, at 50 F: 97 %
}
