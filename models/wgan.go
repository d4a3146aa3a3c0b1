package models

import (
	"github.com/gomlx/compute/shapes"
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/ml/model"
	"github.com/gomlx/gomlx/support/exceptions"
)

// PenaltyWeight is the weight of the gradient penalty in [CriticLosses], the paper's.
const PenaltyWeight = 10

// Critique is what the losses of a critic are made of: the scores of real images and of generated
// ones, and the norms of the gradients ([GradientNorms]) at mixtures of the two, each [batch]. These
// are the predictions that [CriticLosses] takes, in this order.
//
// Images are [batch, Size, Size, 3]. Shares, [batch], are those of the real images in the mixtures,
// share * real + (1 - share) * generated: numbers between 0 and 1, drawn uniformly. Nothing is
// differentiated by way of generated, which is for the generator's own step.
func (m GAN) Critique(scope *model.Scope, real, generated, shares *Node) []*Node {
	batch := real.Shape().Dimensions[0]
	if !generated.Shape().Equal(real.Shape()) || !shares.Shape().Equal(shapes.Make(real.DType(), batch)) {
		exceptions.Panicf("models: critique %s: real images are %s, generated %s, shares %s: give as many of each, in one number type",
			scope.Scope(), real.Shape(), generated.Shape(), shares.Shape())
	}
	generated = StopGradient(generated)
	share := Reshape(shares, batch, 1, 1, 1)
	mixed := Add(Mul(share, real), Mul(OneMinus(share), generated))
	scores := m.Judge(scope, Concatenate([]*Node{real, generated}, 0))
	return []*Node{
		Slice(scores, AxisRange(0, batch)),
		Slice(scores, AxisRange(batch)),
		GradientNorms(m.Judge(scope, mixed), mixed),
	}
}

// GradientNorms are the Euclidean norms of the gradients of each example's score with respect to that
// example: [batch] for scores, [batch], that are computed from examples, [batch, ...], none of them
// from another one's example. It can be differentiated: where a norm is 0, its derivative is taken for
// 0, as PyTorch does.
func GradientNorms(scores, examples *Node) *Node {
	slopes := Gradient(ReduceAllSum(scores), examples)[0]
	batch := slopes.Shape().Dimensions[0]
	squares := ReduceSum(Reshape(Square(slopes), batch, slopes.Shape().Size()/batch), -1)
	zero := Equal(squares, ZerosLike(squares))
	// The root at 0, whose derivative is infinite, is not even computed: infinity times 0 is no number.
	return Where(zero, ZerosLike(squares), Sqrt(Where(zero, OnesLike(squares), squares)))
}

// CriticLosses are the per-example losses of a critic, [batch], from the predictions of
// [GAN.Critique]: the score of the generated image less that of the real one, and [PenaltyWeight]
// times the square of what the gradient's norm at their mixture lacks to 1. They have no lower bound.
// The labels are not used.
//
// Reference: Gulrajani et al., "Improved Training of Wasserstein GANs", 2017.
func CriticLosses(_, predictions []*Node) *Node {
	penalty := Square(AddScalar(predictions[2], -1))
	return Add(Sub(predictions[1], predictions[0]), MulScalar(penalty, PenaltyWeight))
}

// GeneratorLosses are the per-example losses of a generator, [batch]: the scores of what it made,
// predictions[0], negated. They have no lower bound. The labels are not used.
func GeneratorLosses(_, predictions []*Node) *Node { return Neg(predictions[0]) }
