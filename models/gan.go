package models

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/ml/model"
)

// GAN is a generative adversarial network: a generator, which makes images of random numbers, and a
// critic, which scores images. Each creates or reuses its variables in the scope that it is given:
// give them different ones. Either may be called more than once in a scope, and then shares its
// variables. The number type is that of what they are given.
type GAN struct {
	// Latent is how many normally distributed numbers an image is made of.
	Latent int
	// Size is the height and width of the images, in pixels, of 3 channels.
	Size int
	// Generate makes images [batch, Size, Size, 3] with values between -1 and 1 of latents [batch,
	// Latent]. Its batch normalisation uses the batch's moments and moves its running averages where
	// the graph is built for training (model.Store.SetTraining), and uses these elsewhere.
	Generate func(scope *model.Scope, latents *Node) *Node
	// Judge scores images [batch, Size, Size, 3]: [batch], any real number, higher for what looks
	// real. An image's score depends on no other image of the batch.
	Judge func(scope *model.Scope, images *Node) *Node
}

// GANConfig is what can be chosen of a generative adversarial network.
type GANConfig struct {
	// Width is the number of channels next to the images, from 1 to 4096, with which all others grow
	// and shrink; 0 is the network's own.
	Width int
}

// gans are the generative adversarial networks by name. A constructor takes a configuration that has
// been checked.
var gans = map[string]func(GANConfig) GAN{
	"dcgan": DCGAN,
}

// GANNames are the names that GANByName knows, in alphabetical order.
func GANNames() []string { return slices.Sorted(maps.Keys(gans)) }

// GANByName gives the generative adversarial network of that name. An unknown name and a width that
// cannot be are errors.
func GANByName(name string, c GANConfig) (GAN, error) {
	constructor, ok := gans[name]
	if !ok {
		return GAN{}, fmt.Errorf("models: no generative adversarial network is called %q, choose one of: %s", name, strings.Join(GANNames(), ", "))
	}
	if c.Width < 0 || c.Width > maxWidth {
		return GAN{}, fmt.Errorf("models: width is %d, it must be between 0 and %d", c.Width, maxWidth)
	}
	return constructor(c), nil
}
