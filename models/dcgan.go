package models

import (
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/ml/model"
	"github.com/gomlx/gomlx/support/exceptions"

	"github.com/kafisto/kafisto/nn"
)

// The sizes of DCGAN for 32x32 images.
const (
	dcganLatent = 100
	dcganSize   = 32
	dcganWidth  = 64
	// leakySlope is that of the critic's rectifiers.
	leakySlope = 0.2
)

// DCGAN is the deep convolutional GAN for 32x32 images. Of 100 latent numbers the generator makes
// 4x4 pixels of 256 channels (four times the width) by a 4x4 transposed convolution and doubles them
// three times by others with stride 2, to 128, 64 and 3 channels, batch normalised and rectified but
// for the last, which has a bias and the hyperbolic tangent. The critic takes the same way back by
// 4x4 convolutions with stride 2 and biases and leaky rectifiers of slope 0.2, the second and third
// with instance normalisation in between, since a gradient penalty allows none over the batch, and a
// last convolution of the 4x4 pixels to the score.
//
// The generator has 1,068,931 trainable parameters in 11 tensors, the critic 663,745 in 12. Starting
// values are PyTorch's defaults ([nn.FanInUniform]; norms start at one and zero), not the normal
// distribution of the reference.
//
// Reference: Radford, Metz and Chintala, "Unsupervised Representation Learning with Deep Convolutional
// Generative Adversarial Networks", 2016; without batch normalisation in the critic after Gulrajani et
// al., "Improved Training of Wasserstein GANs", 2017.
func DCGAN(c GANConfig) GAN {
	if c.Width == 0 {
		c.Width = dcganWidth
	}
	return GAN{Latent: dcganLatent, Size: dcganSize, Generate: c.dcganGenerate, Judge: c.dcganJudge}
}

// dcganGenerate is DCGAN's generator.
func (c GANConfig) dcganGenerate(scope *model.Scope, latents *Node) *Node {
	if latents.Rank() != 2 || latents.Shape().Dimensions[1] != dcganLatent {
		exceptions.Panicf("models: DCGAN's generator %s: latents must be [batch, %d], they are %s", scope.Scope(), dcganLatent, latents.Shape())
	}
	scope = scope.ResetVisited()
	x := Reshape(latents, latents.Shape().Dimensions[0], 1, 1, dcganLatent)
	for i, channels := range [3]int{4 * c.Width, 2 * c.Width, c.Width} {
		at := scope.In("conv%d", i+1)
		up := nn.ConvTranspose(at, x).Channels(channels).KernelSize(4).Bias(false)
		if i > 0 {
			up = up.Strides(2).Padding(1)
		}
		x = nn.BatchNormReLU(at.In("norm"), up.Done(), nil)
	}
	return Tanh(nn.ConvTranspose(scope.In("conv4"), x).Channels(3).KernelSize(4).Strides(2).Padding(1).Done())
}

// dcganJudge is DCGAN's critic.
func (c GANConfig) dcganJudge(scope *model.Scope, images *Node) *Node {
	if dims := images.Shape().Dimensions; images.Rank() != 4 || dims[1] != dcganSize || dims[2] != dcganSize || dims[3] != 3 {
		exceptions.Panicf("models: DCGAN's critic %s: images must be [batch, %d, %d, 3], they are %s", scope.Scope(), dcganSize, dcganSize, images.Shape())
	}
	scope = scope.ResetVisited()
	x := images
	for i, channels := range [3]int{c.Width, 2 * c.Width, 4 * c.Width} {
		at := scope.In("conv%d", i+1)
		x = nn.Conv(at, x).Channels(channels).KernelSize(4).Strides(2).Padding(1).Done()
		if i > 0 {
			x = nn.InstanceNorm(at.In("norm"), x)
		}
		x = nn.LeakyReLU(x, leakySlope)
	}
	score := nn.Conv(scope.In("conv4"), x).Channels(1).KernelSize(4).Done()
	return Reshape(score, images.Shape().Dimensions[0])
}
