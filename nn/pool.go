package nn

import (
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/support/exceptions"

	"github.com/kafisto/kafisto/internal/conv"
)

// GlobalMeanPool is the mean of each channel over an image: from [batch, height, width, channels] to
// [batch, channels].
func GlobalMeanPool(x *Node) *Node {
	mustBeImages("global mean pooling", x)
	dims := x.Shape().Dimensions
	return ReduceMean(Reshape(x, dims[0], dims[1]*dims[2], dims[3]), 1)
}

// MaxPool2x2 is the largest number of each 2x2 square: from [batch, height, width, channels] to
// [batch, height/2, width/2, channels]. An odd last row or column is left out, as in PyTorch. Where
// numbers tie, the first of them gets the gradient.
func MaxPool2x2(x *Node) *Node {
	mustBeImages("max pooling", x)
	squares := squares2x2(x)
	best := squares[0]
	for _, candidate := range squares[1:] {
		best = Max(best, candidate)
	}
	return best
}

// MeanPool2x2 is the mean of each 2x2 square: from [batch, height, width, channels] to [batch,
// height/2, width/2, channels]. An odd last row or column is left out, as in PyTorch.
func MeanPool2x2(x *Node) *Node {
	mustBeImages("mean pooling", x)
	squares := squares2x2(x)
	sum := squares[0]
	for _, square := range squares[1:] {
		sum = Add(sum, square)
	}
	return MulScalar(sum, 0.25)
}

// squares2x2 are the four pixels of each 2x2 square, each [batch, height/2, width/2, channels].
func squares2x2(x *Node) []*Node {
	dims := x.Shape().Dimensions
	g, err := conv.NewGeometry([2]int{dims[1], dims[2]}, [2]int{2, 2}, [2]int{2, 2}, [2][2]int{})
	if err != nil {
		exceptions.Panicf("nn: pooling: image is %s, it must be at least 2x2", x.Shape())
	}
	rows := Reshape(conv.Unfold(x, g), dims[0], g.Out[0], g.Out[1], 4, dims[3])
	return Split(rows, 3, 4)
}

// mustBeImages panics with an error unless x is [batch, height, width, channels].
func mustBeImages(layer string, x *Node) {
	if x.Rank() != 4 {
		exceptions.Panicf("nn: %s: input must be [batch, height, width, channels], it is %s", layer, x.Shape())
	}
}
