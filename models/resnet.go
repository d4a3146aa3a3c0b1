package models

import (
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/ml/model"
	"github.com/kafisto/kafisto/nn"
)

// ResNet18 is the residual network of 18 layers in its form for 32x32 images: a 3x3 stem without
// stride or pooling, four stages of two basic blocks with 64 (the width), 128, 256 and 512 channels,
// the mean over the image, and a linear layer. With 10 classes it has 11,173,962 parameters in 62
// tensors, with 100 it has 11,220,132.
//
// Convolutions have no bias and start from Kaiming's normal distribution (fan-out), as in
// torchvision; the linear layer starts as PyTorch's does.
//
// Reference: He et al., "Deep Residual Learning for Image Recognition", 2016, section 4.2 for the
// stem; the widths are those of its ImageNet networks.
func ResNet18(c Config) Classifier {
	return residualNetwork{c.withWidth(64), [4]int{2, 2, 2, 2}, basicBlock}.logits
}

// ResNet50 is the residual network of 50 layers: that of [ResNet18] with stages of 3, 4, 6 and 3
// bottleneck blocks, from 64 (the width), 128, 256 and 512 channels to four times as many. With 10
// classes it has 23,520,842 parameters in 161 tensors, with 100 it has 23,705,252. The stride of a
// block is in its 3x3 convolution, as in torchvision.
func ResNet50(c Config) Classifier {
	return residualNetwork{c.withWidth(64), [4]int{3, 4, 6, 3}, bottleneck(1)}.logits
}

// WideResNet50x2 is [ResNet50] with twice as many channels inside of the blocks, torchvision's
// wide_resnet50_2. With 10 classes it has 66,847,050 parameters in 161 tensors, with 100 it has
// 67,031,460.
//
// Reference: Zagoruyko and Komodakis, "Wide Residual Networks", 2016.
func WideResNet50x2(c Config) Classifier {
	return residualNetwork{c.withWidth(64), [4]int{3, 4, 6, 3}, bottleneck(2)}.logits
}

// residualNetwork describes a residual network for small images: the configuration, whose width is
// that of the stem and the first stage, and the number of blocks of each stage. From stage to stage
// the channels double and the first block halves the image.
type residualNetwork struct {
	Config
	blocks [4]int
	block  block
}

// block is a residual block of a stage with so many channels.
type block func(c Config, scope *model.Scope, x *Node, channels, stride int) *Node

// logits builds the network.
func (r residualNetwork) logits(scope *model.Scope, images *Node) *Node {
	x := r.rectifiedConv(scope.In("stem"), images, r.Width, 3, 1)
	for i, blocks := range r.blocks {
		for j := range blocks {
			stride := 1
			if i > 0 && j == 0 {
				stride = 2
			}
			x = r.block(r.Config, scope.In("stage%d_block%d", i+1, j+1), x, r.Width<<i, stride)
		}
	}
	return r.classifier(scope.In("classifier"), nn.GlobalMeanPool(x))
}

// basicBlock adds two 3x3 convolutions to a shortcut.
func basicBlock(c Config, scope *model.Scope, x *Node, channels, stride int) *Node {
	y := c.rectifiedConv(scope.In("conv1"), x, channels, 3, stride)
	last := scope.In("conv2")
	y = c.squareConv(last, y, channels, 3, 1)
	return nn.BatchNormReLU(last.In("norm"), y, c.shortcut(scope, x, channels, stride))
}

// bottleneck is the block that adds a 1x1 convolution to factor times the stage's channels, a 3x3 one
// with the stride, and a 1x1 one to four times the stage's channels to a shortcut.
func bottleneck(factor int) block {
	return func(c Config, scope *model.Scope, x *Node, channels, stride int) *Node {
		y := c.rectifiedConv(scope.In("conv1"), x, factor*channels, 1, 1)
		y = c.rectifiedConv(scope.In("conv2"), y, factor*channels, 3, stride)
		last := scope.In("conv3")
		y = c.squareConv(last, y, 4*channels, 1, 1)
		return nn.BatchNormReLU(last.In("norm"), y, c.shortcut(scope, x, 4*channels, stride))
	}
}

// shortcut is x itself where a block keeps its shape, and a normalised 1x1 convolution elsewhere.
func (c Config) shortcut(scope *model.Scope, x *Node, channels, stride int) *Node {
	if stride == 1 && x.Shape().Dimensions[3] == channels {
		return x
	}
	scope = scope.In("shortcut")
	return nn.BatchNorm(scope.In("norm"), c.squareConv(scope, x, channels, 1, stride))
}
