package inception

import (
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/ml/model"
	"github.com/gomlx/gomlx/support/exceptions"

	"github.com/kafisto/kafisto/nn"
)

// Features is how many features an image has.
const Features = 2048

// imageSize is the height and the width to which images are resized.
const imageSize = 299

// features are those of images [batch, height, width, channels] of numbers from 0 to 1, of which grey
// ones have 1 channel and coloured ones 3: [batch, Features]. Its variables are the "weights" and the
// "biases" of each convolution, in a scope that has the convolution's name in the file of weights.
func features(scope *model.Scope, images *Node) *Node {
	if images.Rank() != 4 || images.Shape().Dimensions[3] != 3 && images.Shape().Dimensions[3] != 1 {
		exceptions.Panicf("inception: images must be [batch, height, width, 3 or 1 channels], they are %s", images.Shape())
	}
	if images.Shape().Dimensions[3] == 1 {
		images = Concatenate([]*Node{images, images, images}, 3)
	}
	x := nn.ResizeBilinear(images, imageSize, imageSize)
	x = AddScalar(MulScalar(x, 2), -1)

	stem := block{scope, ""}
	x = stem.conv(x, "Conv2d_1a_3x3", 32, kernel{3, 3}, 2)
	x = stem.conv(x, "Conv2d_2a_3x3", 32, kernel{3, 3}, 1)
	x = stem.same(x, "Conv2d_2b_3x3", 64, kernel{3, 3})
	x = nn.WindowMaxPool(x, 3, 2, 0)
	x = stem.same(x, "Conv2d_3b_1x1", 80, kernel{1, 1})
	x = stem.conv(x, "Conv2d_4a_3x3", 192, kernel{3, 3}, 1)
	x = nn.WindowMaxPool(x, 3, 2, 0)

	x = block{scope, "Mixed_5b."}.a(x, 32)
	x = block{scope, "Mixed_5c."}.a(x, 64)
	x = block{scope, "Mixed_5d."}.a(x, 64)
	x = block{scope, "Mixed_6a."}.b(x)
	x = block{scope, "Mixed_6b."}.c(x, 128)
	x = block{scope, "Mixed_6c."}.c(x, 160)
	x = block{scope, "Mixed_6d."}.c(x, 160)
	x = block{scope, "Mixed_6e."}.c(x, 192)
	x = block{scope, "Mixed_7a."}.d(x)
	x = block{scope, "Mixed_7b."}.e(x, nn.WindowMeanPool)
	x = block{scope, "Mixed_7c."}.e(x, nn.WindowMaxPool)
	return nn.GlobalMeanPool(x)
}

// kernel is the height and the width of a convolution.
type kernel [2]int

// block is a block of the network: its variables are in scope, under names that start with prefix.
type block struct {
	scope  *model.Scope
	prefix string
}

// conv is a convolution without padding and the rectifier. Its batch normalisation is in the weights.
func (b block) conv(x *Node, name string, channels int, k kernel, stride int) *Node {
	return nn.ReLU(nn.Conv(b.scope.In("%s", b.prefix+name), x).Channels(channels).KernelSizes(k[0], k[1]).Strides(stride).Done())
}

// same is a convolution that keeps the image's size, and the rectifier.
func (b block) same(x *Node, name string, channels int, k kernel) *Node {
	return nn.ReLU(nn.Conv(b.scope.In("%s", b.prefix+name), x).Channels(channels).KernelSizes(k[0], k[1]).
		PaddingPerSide(k[0]/2, k[0]/2, k[1]/2, k[1]/2).Done())
}

// pooled is a pooling over 3x3 pixels that keeps the image's size, and a 1x1 convolution.
func (b block) pooled(x *Node, pool func(x *Node, size, stride, padding int) *Node, channels int) *Node {
	return b.same(pool(x, 3, 1, 1), "branch_pool", channels, kernel{1, 1})
}

// join puts the channels of branches behind each other.
func join(branches ...*Node) *Node { return Concatenate(branches, 3) }

// a is the block for 35x35 pixels.
func (b block) a(x *Node, pooled int) *Node {
	small := b.same(x, "branch1x1", 64, kernel{1, 1})

	large := b.same(x, "branch5x5_1", 48, kernel{1, 1})
	large = b.same(large, "branch5x5_2", 64, kernel{5, 5})

	double := b.same(x, "branch3x3dbl_1", 64, kernel{1, 1})
	double = b.same(double, "branch3x3dbl_2", 96, kernel{3, 3})
	double = b.same(double, "branch3x3dbl_3", 96, kernel{3, 3})

	return join(small, large, double, b.pooled(x, nn.WindowMeanPool, pooled))
}

// b is the block from 35x35 pixels to 17x17.
func (b block) b(x *Node) *Node {
	single := b.conv(x, "branch3x3", 384, kernel{3, 3}, 2)

	double := b.same(x, "branch3x3dbl_1", 64, kernel{1, 1})
	double = b.same(double, "branch3x3dbl_2", 96, kernel{3, 3})
	double = b.conv(double, "branch3x3dbl_3", 96, kernel{3, 3}, 2)

	return join(single, double, nn.WindowMaxPool(x, 3, 2, 0))
}

// c is the block for 17x17 pixels.
func (b block) c(x *Node, inner int) *Node {
	small := b.same(x, "branch1x1", 192, kernel{1, 1})

	single := b.same(x, "branch7x7_1", inner, kernel{1, 1})
	single = b.same(single, "branch7x7_2", inner, kernel{1, 7})
	single = b.same(single, "branch7x7_3", 192, kernel{7, 1})

	double := b.same(x, "branch7x7dbl_1", inner, kernel{1, 1})
	double = b.same(double, "branch7x7dbl_2", inner, kernel{7, 1})
	double = b.same(double, "branch7x7dbl_3", inner, kernel{1, 7})
	double = b.same(double, "branch7x7dbl_4", inner, kernel{7, 1})
	double = b.same(double, "branch7x7dbl_5", 192, kernel{1, 7})

	return join(small, single, double, b.pooled(x, nn.WindowMeanPool, 192))
}

// d is the block from 17x17 pixels to 8x8.
func (b block) d(x *Node) *Node {
	single := b.same(x, "branch3x3_1", 192, kernel{1, 1})
	single = b.conv(single, "branch3x3_2", 320, kernel{3, 3}, 2)

	large := b.same(x, "branch7x7x3_1", 192, kernel{1, 1})
	large = b.same(large, "branch7x7x3_2", 192, kernel{1, 7})
	large = b.same(large, "branch7x7x3_3", 192, kernel{7, 1})
	large = b.conv(large, "branch7x7x3_4", 192, kernel{3, 3}, 2)

	return join(single, large, nn.WindowMaxPool(x, 3, 2, 0))
}

// e is the block for 8x8 pixels.
func (b block) e(x *Node, pool func(x *Node, size, stride, padding int) *Node) *Node {
	small := b.same(x, "branch1x1", 320, kernel{1, 1})

	single := b.same(x, "branch3x3_1", 384, kernel{1, 1})
	single = b.forked(single, "branch3x3_2a", "branch3x3_2b")

	double := b.same(x, "branch3x3dbl_1", 448, kernel{1, 1})
	double = b.same(double, "branch3x3dbl_2", 384, kernel{3, 3})
	double = b.forked(double, "branch3x3dbl_3a", "branch3x3dbl_3b")

	return join(small, single, double, b.pooled(x, pool, 192))
}

// forked is a 1x3 convolution and a 3x1 one of the same x.
func (b block) forked(x *Node, row, column string) *Node {
	return join(b.same(x, row, 384, kernel{1, 3}), b.same(x, column, 384, kernel{3, 1}))
}
