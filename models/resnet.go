package models

import (
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/ml/model"
	"github.com/kafisto/kafisto/nn"
)

// ResNet18 is the residual network of 18 layers in its form for 32x32 images: a 3x3 stem without
// stride or pooling, four stages of two basic blocks with 64, 128, 256 and 512 channels, the mean
// over the image, and a linear layer. With 10 classes it has 11,173,962 parameters in 62 tensors,
// with 100 it has 11,220,132.
//
// Convolutions have no bias and start from Kaiming's normal distribution (fan-out), as in
// torchvision; the linear layer starts as PyTorch's does.
//
// Reference: He et al., "Deep Residual Learning for Image Recognition", 2016, section 4.2 for the
// stem; the widths are those of its ImageNet networks.
func ResNet18(classes int) Classifier {
	return residualNetwork{
		stages:  []stage{{64, 2, 1}, {128, 2, 2}, {256, 2, 2}, {512, 2, 2}},
		block:   basicBlock,
		classes: classes,
	}.logits
}

// residualNetwork describes a residual network for small images.
type residualNetwork struct {
	stages  []stage
	block   func(scope *model.Scope, x *Node, channels, stride int) *Node
	classes int
}

// stage is a run of blocks of the same width; the first of them has the stride.
type stage struct {
	channels, blocks, stride int
}

// logits builds the network.
func (r residualNetwork) logits(scope *model.Scope, images *Node) *Node {
	x := rectifiedConv(scope.In("stem"), images, r.stages[0].channels, 3, 1)
	for i, stage := range r.stages {
		for j := range stage.blocks {
			stride := 1
			if j == 0 {
				stride = stage.stride
			}
			x = r.block(scope.In("stage%d_block%d", i+1, j+1), x, stage.channels, stride)
		}
	}
	return nn.Linear(scope.In("classifier"), nn.GlobalMeanPool(x), r.classes)
}

// basicBlock adds two 3x3 convolutions to a shortcut.
func basicBlock(scope *model.Scope, x *Node, channels, stride int) *Node {
	y := rectifiedConv(scope.In("conv1"), x, channels, 3, stride)
	scope2 := scope.In("conv2")
	y = squareConv(scope2, y, channels, 3, 1)
	return nn.BatchNormReLU(scope2.In("norm"), y, shortcut(scope, x, channels, stride))
}

// shortcut is x itself where a block keeps its shape, and a normalised 1x1 convolution elsewhere.
func shortcut(scope *model.Scope, x *Node, channels, stride int) *Node {
	if stride == 1 && x.Shape().Dimensions[3] == channels {
		return x
	}
	scope = scope.In("shortcut")
	return nn.BatchNorm(scope.In("norm"), squareConv(scope, x, channels, 1, stride))
}

// rectifiedConv is a square convolution, batch normalisation and the rectifier.
func rectifiedConv(scope *model.Scope, x *Node, channels, size, stride int) *Node {
	return nn.BatchNormReLU(scope.In("norm"), squareConv(scope, x, channels, size, stride), nil)
}

// squareConv is a convolution without bias, padded by half of its size as PyTorch's networks are.
func squareConv(scope *model.Scope, x *Node, channels, size, stride int) *Node {
	return nn.Conv(scope, x).Channels(channels).KernelSize(size).Strides(stride).Padding(size / 2).
		Bias(false).Initializer(nn.KaimingNormal(scope)).Done()
}
