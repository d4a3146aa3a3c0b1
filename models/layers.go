package models

import (
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/ml/model"
	"github.com/kafisto/kafisto/nn"
)

// withWidth is the configuration with that width, if it has none.
func (c Config) withWidth(own int) Config {
	if c.Width == 0 {
		c.Width = own
	}
	return c
}

// rectifiedConv is a square convolution, batch normalisation and the rectifier.
func (c Config) rectifiedConv(scope *model.Scope, x *Node, channels, size, stride int) *Node {
	return nn.BatchNormReLU(scope.In("norm"), c.squareConv(scope, x, channels, size, stride), nil)
}

// squareConv is a convolution without bias, padded by half of its size as PyTorch's networks are.
func (c Config) squareConv(scope *model.Scope, x *Node, channels, size, stride int) *Node {
	initializer := c.Initializer
	if initializer == nil {
		initializer = nn.KaimingNormal
	}
	return nn.Conv(scope, x).Channels(channels).KernelSize(size).Strides(stride).Padding(size / 2).
		Bias(false).Initializer(initializer(scope)).Done()
}

// classifier is the linear layer that gives the logits; it is left out where features are asked for.
func (c Config) classifier(scope *model.Scope, x *Node) *Node {
	switch {
	case c.features:
		return x
	case c.Initializer == nil:
		return nn.Linear(scope, x, c.Classes)
	}
	return nn.LinearFrom(scope, x, c.Classes, c.Initializer(scope))
}
