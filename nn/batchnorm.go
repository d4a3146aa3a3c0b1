package nn

import (
	"github.com/gomlx/compute/shapes"
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/ml/model"
	"github.com/gomlx/gomlx/ml/model/initializer"
	"github.com/gomlx/gomlx/support/exceptions"
)

// PyTorch's settings of batch normalisation.
const (
	batchNormMomentum = 0.1
	batchNormEpsilon  = 1e-5
)

// BatchNorm normalises each channel (the last axis) of x over all other axes, then scales and
// shifts it, as PyTorch's BatchNorm does: epsilon 1e-5, momentum 0.1.
//
// While the graph is built for training (model.Store.SetTraining) it uses the batch's own mean and
// (biased) variance and moves the running averages a tenth of the way towards the batch's mean and
// unbiased variance. Otherwise it uses the running averages and changes nothing.
//
// It creates in scope the trainable "scale" (starts at one) and "offset" (zero), and "mean" (zero)
// and "variance" (one), the running averages, which are never trained.
//
// It is not GoMLX's norm.BatchNorm, whose portable form (the only one that the pure-Go backend has)
// leaves the dependence of mean and variance on x out of the gradient.
//
// Reference: Ioffe and Szegedy, "Batch Normalization", 2015.
func BatchNorm(scope *model.Scope, x *Node) *Node {
	if x.Rank() < 2 {
		exceptions.Panicf("nn: batch normalisation %s: input must have a batch and a channel axis, it is %s",
			scope.Scope(), x.Shape())
	}
	g := x.Graph()
	channels := x.Shape().Dimensions[x.Rank()-1]
	variable := func(name string, start model.VariableInitializer) *model.Variable {
		return scope.WithInitializer(start).VariableWithShape(name, shapes.Make(x.DType(), channels))
	}
	scale := variable("scale", initializer.One).NodeValue(g)
	offset := variable("offset", initializer.Zero).NodeValue(g)
	runningMean := variable("mean", initializer.Zero).SetTrainable(false)
	runningVariance := variable("variance", initializer.One).SetTrainable(false)

	rows := Reshape(x, -1, channels)
	if !scope.IsTraining(g) {
		factor := Div(scale, standardDeviation(runningVariance.NodeValue(g)))
		shift := Sub(offset, Mul(runningMean.NodeValue(g), factor))
		y := Add(Mul(rows, alongLastAxis(factor, 2)), alongLastAxis(shift, 2))
		return Reshape(y, x.Shape().Dimensions...)
	}
	count := rows.Shape().Dimensions[0]
	if count < 2 {
		exceptions.Panicf("nn: batch normalisation %s: training needs more than one value per channel, input is %s",
			scope.Scope(), x.Shape())
	}
	mean, variance := batchMoments(rows)
	unbiased := MulScalar(variance, float64(count)/float64(count-1))
	moveAverage(runningMean, mean)
	moveAverage(runningVariance, unbiased)
	return Reshape(normalize(rows, scale, offset), x.Shape().Dimensions...)
}

// moveAverage moves a running average towards the batch's value, which it is not differentiated by.
func moveAverage(running *model.Variable, batch *Node) {
	old := running.NodeValue(batch)
	running.SetNodeValue(Add(
		MulScalar(old, 1-batchNormMomentum),
		MulScalar(StopGradient(batch), batchNormMomentum)))
}

// batchMoments is the mean and the biased variance of each column.
func batchMoments(rows *Node) (mean, variance *Node) {
	mean = ReduceMean(rows, 0)
	return mean, ReduceMean(Square(Sub(rows, alongLastAxis(mean, 2))), 0)
}

// standardDeviation is the root of the variance plus epsilon.
func standardDeviation(variance *Node) *Node {
	return Sqrt(AddScalar(variance, batchNormEpsilon))
}

// normalize gives each column of rows zero mean and unit variance, scales it and shifts it.
//
// It has its own gradient because automatic differentiation, which goes through mean and variance
// step by step, passes over memory about twice as often on a backend that does not fuse.
func normalize(rows, scale, offset *Node) *Node {
	forward := func(inputs []*Node, link *Node) *Node {
		rows, scale, offset := inputs[0], inputs[1], inputs[2]
		mean, variance := batchMoments(rows)
		centred := Sub(rows, alongLastAxis(mean, 2))
		factor := Div(scale, standardDeviation(variance))
		return Add(Mul(centred, alongLastAxis(factor, 2)), alongLastAxis(Add(offset, link), 2))
	}
	return withGradient([]*Node{rows, scale, offset}, forward, func(adjoint *Node) []*Node {
		mean, variance := batchMoments(rows)
		centred := Sub(rows, alongLastAxis(mean, 2))
		deviation := standardDeviation(variance)
		factor := Div(scale, deviation)

		gradOffset := ReduceSum(adjoint, 0)
		gradScale := Div(ReduceSum(Mul(adjoint, centred), 0), deviation)
		// x's gradient is the adjoint less its mean and less its projection on the normalised x.
		count := float64(rows.Shape().Dimensions[0])
		level := DivScalar(gradOffset, count)
		slope := DivScalar(Div(gradScale, deviation), count)
		residual := Sub(Sub(adjoint, alongLastAxis(level, 2)), Mul(centred, alongLastAxis(slope, 2)))
		return []*Node{Mul(residual, alongLastAxis(factor, 2)), gradScale, gradOffset}
	})
}
