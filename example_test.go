package kafisto_test

import (
	"fmt"
	"math"

	"github.com/gomlx/compute"
	_ "github.com/gomlx/compute/gobackend"
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/dataset"
	"github.com/gomlx/gomlx/ml/layers"
	"github.com/gomlx/gomlx/ml/model"
	"github.com/gomlx/gomlx/ml/train"

	"github.com/kafisto/kafisto"
	"github.com/kafisto/kafisto/schedule"
)

// A GoMLX program that trains with KaFiStO: the three lines that differ from
// any other optimizer are those with "kafisto.".
func Example() {
	backend, err := compute.NewWithConfig("go")
	if err != nil {
		fmt.Println(err)
		return
	}
	// Two spirals: 200 points of two classes that no straight line separates.
	var points [][]float32
	var classes [][]int32
	for i := range 200 {
		angle, arm := float64(i)/40, float64(i%2)*math.Pi
		points = append(points, []float32{float32(angle * math.Cos(angle+arm) / 5), float32(angle * math.Sin(angle+arm) / 5)})
		classes = append(classes, []int32{int32(i % 2)})
	}
	spirals, err := dataset.InMemoryFromData(backend, "spirals", []any{points}, []any{classes})
	if err != nil {
		fmt.Println(err)
		return
	}
	spirals.BatchSize(200, true).Infinite(true)

	network := func(scope *model.Scope, x *graph.Node) *graph.Node {
		x = graph.Tanh(layers.Dense(scope.In("hidden 1"), x, true, 32))
		x = graph.Tanh(layers.Dense(scope.In("hidden 2"), x, true, 32))
		return layers.Dense(scope.In("logits"), x, true, 2)
	}
	store := model.NewStore()
	store.SetParam(model.ParamInitialSeed, int64(1))

	opt := kafisto.New().MustDone()
	trainer := train.NewTrainer(backend, store,
		kafisto.Model(opt, network), kafisto.Loss(opt, kafisto.SparseCrossEntropyLogits), opt, opt.Metrics(), nil)

	metrics, err := train.NewLoop(trainer).RunSteps(spirals, 500)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println("loss below 0.1:", tensors.ToScalar[float32](metrics[0]) < 0.1)
	// Output: loss below 0.1: true
}

// A schedule that is known to work for SGD, starting at 1: here the paper's for
// 200 epochs of CIFAR-100, 391 minibatches each, with one epoch of warm-up. As
// the epsilon of a target it moves the parameters in the same way.
func ExampleBuilder_LearningRateSchedule() {
	paper, err := schedule.Paper("paper-200-cifar100", 1, 200*391)
	if err != nil {
		fmt.Println(err)
		return
	}
	rate, err := schedule.WarmUp(paper, 391)
	if err != nil {
		fmt.Println(err)
		return
	}
	opt := kafisto.New().LearningRateSchedule(rate).MustDone()
	same := kafisto.New().Target(kafisto.FractionTarget(rate)).MustDone()
	fmt.Printf("first learning rate %.4f\n", opt.Settings().LearningRate)
	fmt.Println("from epoch 60 on", rate.At(60*391))
	fmt.Println("without a schedule on the learning rate:", same.Settings().LearningRate)
	// Output:
	// first learning rate 0.0026
	// from epoch 60 on 0.2
	// without a schedule on the learning rate: 1
}
