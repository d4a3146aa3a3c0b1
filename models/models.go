// Package models holds the networks that the experiments train, as GoMLX model functions: they take
// a scope, in which they create their variables, and a batch of images, [batch, height, width,
// channels], and return logits, [batch, classes]. Language models and generative adversarial networks
// have forms of their own, [LanguageModel] and [GAN].
//
// Whether a network trains or evaluates (which batch normalisation needs to know) is a property of
// the graph: set it with model.Store.SetTraining. Starting values come from the store's random
// state, so that model.Store.SetRNGStateFromSeed makes them the same again.
package models

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/ml/model"
	"github.com/kafisto/kafisto/nn"
)

// Classifier is a network: it creates or reuses its variables in scope and returns the logits,
// [batch, classes], of a batch of images, [batch, height, width, channels].
type Classifier func(scope *model.Scope, images *Node) *Node

// Config is what can be chosen of a network.
type Config struct {
	// Classes is the number of classes, at least 2.
	Classes int
	// Width is the number of channels of the first stage, from 1 to 4096, with which all others grow
	// and shrink; 0 is the network's own.
	Width int
	// Initializer draws the starting values of all convolutions and of the linear layer's weights;
	// nil is the network's own. Biases and norms keep theirs.
	Initializer nn.Initializer

	features bool // leaves out the last linear layer
}

// maxWidth is the largest width that ByName takes.
const maxWidth = 4096

// constructors are the networks by name. A constructor takes a configuration that has been checked.
var constructors = map[string]func(Config) Classifier{
	"resnet18":        ResNet18,
	"resnet50":        ResNet50,
	"small-cnn":       SmallCNN,
	"wide-resnet50-2": WideResNet50x2,
}

// Names are the names that ByName knows, in alphabetical order.
func Names() []string { return slices.Sorted(maps.Keys(constructors)) }

// ByName gives the network of that name. An unknown name, too few classes and a width that cannot be
// are errors.
func ByName(name string, c Config) (Classifier, error) {
	constructor, ok := constructors[name]
	if !ok {
		return nil, fmt.Errorf("models: no network is called %q, choose one of: %s", name, strings.Join(Names(), ", "))
	}
	if c.Classes < 2 {
		return nil, fmt.Errorf("models: number of classes is %d, it must be at least 2", c.Classes)
	}
	if c.Width < 0 || c.Width > maxWidth {
		return nil, fmt.Errorf("models: width is %d, it must be between 0 and %d", c.Width, maxWidth)
	}
	return constructor(c), nil
}

// FeaturesByName gives the network of that name without its last linear layer: of images it returns
// the features, [batch, n], of which that layer makes the logits. It has the variables of the whole
// network, but for that layer's. Errors are those of [ByName].
func FeaturesByName(name string, c Config) (Classifier, error) {
	c.features = true
	return ByName(name, c)
}
