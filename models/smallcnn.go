package models

import (
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/ml/model"
	"github.com/kafisto/kafisto/nn"
)

// SmallCNN is a network for 28x28 images of clothes or digits that trains in seconds on a CPU: a 5x5
// convolution with stride 2 to 16 channels, a 3x3 one with stride 2 to 32, each normalised over the
// batch and rectified, and a linear layer on all that is left of the image.
func SmallCNN(classes int) Classifier {
	return func(scope *model.Scope, images *Node) *Node {
		x := rectifiedConv(scope.In("conv1"), images, 16, 5, 2)
		x = rectifiedConv(scope.In("conv2"), x, 32, 3, 2)
		x = Reshape(x, x.Shape().Dimensions[0], -1)
		return nn.Linear(scope.In("classifier"), x, classes)
	}
}
