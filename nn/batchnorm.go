package nn

import (
	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/ml/model"
	"github.com/gomlx/gomlx/ml/model/initializer"
	"github.com/gomlx/gomlx/support/exceptions"

	"github.com/kafisto/kafisto/internal/gradient"
	"github.com/kafisto/kafisto/native"
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
// The result has x's shape and number type, and can be differentiated twice.
//
// It is not GoMLX's norm.BatchNorm, whose portable form (the only one that the pure-Go backend has)
// leaves the dependence of mean and variance on x out of the gradient.
//
// Reference: Ioffe and Szegedy, "Batch Normalization", 2015.
func BatchNorm(scope *model.Scope, x *Node) *Node {
	return batchNorm(scope, x, nil, false)
}

// BatchNormReLU is ReLU(BatchNorm(scope, x) + shortcut), in fewer passes over memory where the
// backend has the kernels of package native and x is float32. It has the variables of [BatchNorm],
// and x's shape. The shortcut has x's shape too; nil is none.
func BatchNormReLU(scope *model.Scope, x, shortcut *Node) *Node {
	return batchNorm(scope, x, shortcut, true)
}

func batchNorm(scope *model.Scope, x, shortcut *Node, relu bool) *Node {
	if x.Rank() < 2 {
		exceptions.Panicf("nn: batch normalisation %s: input must have a batch and a channel axis, it is %s",
			scope.Scope(), x.Shape())
	}
	g := x.Graph()
	channels := x.Shape().Dimensions[x.Rank()-1]
	variable := func(name string, start model.VariableInitializer) *model.Variable {
		return scope.WithInitializer(start).VariableWithShape(name, shapes.Make(x.DType(), channels))
	}
	scale := value(variable("scale", initializer.One), g)
	offset := value(variable("offset", initializer.Zero), g)
	runningMean := variable("mean", initializer.Zero).SetTrainable(false)
	runningVariance := variable("variance", initializer.One).SetTrainable(false)

	if !scope.IsTraining(g) {
		factor := Div(scale, standardDeviation(value(runningVariance, g)))
		shift := Sub(offset, Mul(value(runningMean, g), factor))
		return finishNorm(Add(Mul(x, alongLastAxis(factor, x.Rank())), alongLastAxis(shift, x.Rank())), shortcut, relu)
	}
	count := x.Shape().Size() / channels
	if count < 2 {
		exceptions.Panicf("nn: batch normalisation %s: training needs more than one value per channel, input is %s",
			scope.Scope(), x.Shape())
	}
	var y, mean, variance *Node
	if native.Available(g.Backend()) && x.DType() == dtypes.Float32 {
		y, mean, variance = nativeNormalize(x, scale, offset, shortcut, relu)
	} else {
		mean, variance = batchMoments(x)
		y = finishNorm(normalize(x, mean, variance, scale, offset), shortcut, relu)
	}
	unbiased := MulScalar(variance, float64(count)/float64(count-1))
	moveAverage(runningMean, mean)
	moveAverage(runningVariance, unbiased)
	return y
}

// finishNorm adds the shortcut, unless it is nil, and rectifies.
func finishNorm(y, shortcut *Node, relu bool) *Node {
	if shortcut != nil {
		y = Add(y, shortcut)
	}
	if relu {
		y = ReLU(y)
	}
	return y
}

// moveAverage moves a running average towards the batch's value, which it is not differentiated by.
func moveAverage(running *model.Variable, batch *Node) {
	old := running.NodeValue(batch)
	running.SetNodeValue(Add(
		MulScalar(old, 1-batchNormMomentum),
		MulScalar(StopGradient(batch), batchNormMomentum)))
}

// batchMoments is the mean and the biased variance of each channel.
func batchMoments(x *Node) (mean, variance *Node) {
	mean = channelMean(x)
	return mean, channelMean(Square(Sub(x, alongLastAxis(mean, x.Rank()))))
}

// channelMean is the mean over all axes but the last.
func channelMean(x *Node) *Node {
	count := x.Shape().Size() / x.Shape().Dimensions[x.Rank()-1]
	return DivScalar(channelSum(x), float64(count))
}

// channelSum is the sum over all axes but the last.
func channelSum(x *Node) *Node {
	axes := make([]int, x.Rank()-1)
	for i := range axes {
		axes[i] = i
	}
	return ReduceSum(x, axes...)
}

// standardDeviation is the root of the variance plus epsilon.
func standardDeviation(variance *Node) *Node {
	return Sqrt(AddScalar(variance, batchNormEpsilon))
}

// normalize gives each channel of x, whose moments are mean and variance, zero mean and unit
// variance, scales it and shifts it.
//
// It has its own gradient because automatic differentiation, which goes through mean and variance
// step by step, passes over memory about twice as often on a backend that does not fuse.
func normalize(x, mean, variance, scale, offset *Node) *Node {
	rank := x.Rank()
	centred := Sub(x, alongLastAxis(mean, rank))
	deviation := standardDeviation(variance)
	factor := Div(scale, deviation)
	y := Add(Mul(centred, alongLastAxis(factor, rank)), alongLastAxis(offset, rank))
	return gradient.With(y, []*Node{x, scale, offset}, func(adjoint *Node) []*Node {
		gradOffset := channelSum(adjoint)
		gradScale := Div(channelSum(Mul(adjoint, centred)), deviation)
		// x's gradient is the adjoint less its mean and less its projection on the normalised x.
		count := float64(x.Shape().Size() / scale.Shape().Size())
		level := DivScalar(gradOffset, count)
		slope := DivScalar(Div(gradScale, deviation), count)
		residual := Sub(Sub(adjoint, alongLastAxis(level, rank)), Mul(centred, alongLastAxis(slope, rank)))
		return []*Node{Mul(residual, alongLastAxis(factor, rank)), gradScale, gradOffset}
	})
}
