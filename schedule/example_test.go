package schedule_test

import (
	"fmt"

	"github.com/kafisto/kafisto/schedule"
)

// The paper's 100-epoch schedule, for KaFiStO and in a run of 5 epochs with 391
// minibatches of 128 CIFAR images each.
func ExamplePaper() {
	const stepsPerEpoch = 391
	rate, err := schedule.Paper("paper-100", 1, 5*stepsPerEpoch)
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, step := range []int64{0, 586, 587, 1172, 1173, 1759, 1760, 1954} {
		fmt.Printf("step %4d, epoch %.3f: %.3g\n", step, float64(step)/stepsPerEpoch, rate.At(step))
	}
	// Output:
	// step    0, epoch 0.000: 1
	// step  586, epoch 1.499: 1
	// step  587, epoch 1.501: 0.1
	// step 1172, epoch 2.997: 0.1
	// step 1173, epoch 3.000: 0.01
	// step 1759, epoch 4.499: 0.01
	// step 1760, epoch 4.501: 0.001
	// step 1954, epoch 4.997: 0.001
}

// A cosine over 1000 steps, the first 5 of which warm up.
func ExampleWarmUp() {
	cosine, err := schedule.Cosine(0.1, 0, 1000)
	if err != nil {
		fmt.Println(err)
		return
	}
	rate, err := schedule.WarmUp(cosine, 5)
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, step := range []int64{0, 1, 4, 250, 500, 750, 999, 1000} {
		fmt.Printf("step %4d: %.4g\n", step, rate.At(step))
	}
	// Output:
	// step    0: 0.02
	// step    1: 0.04
	// step    4: 0.1
	// step  250: 0.08536
	// step  500: 0.05
	// step  750: 0.01464
	// step  999: 2.467e-07
	// step 1000: 0
}
