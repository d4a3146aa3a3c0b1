// Package models holds the networks that the experiments train, as GoMLX model functions: they take
// a scope, in which they create their variables, and a batch of images, [batch, height, width,
// channels], and return logits, [batch, classes].
//
// Whether a network trains or evaluates (which batch normalisation needs to know) is a property of
// the graph: set it with model.Store.SetTraining. Starting values come from the store's random
// state, so that model.Store.SetRNGStateFromSeed makes them the same again.
package models

import (
	"fmt"
	"slices"
	"strings"

	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/ml/model"
)

// Classifier is a network: it creates or reuses its variables in scope and returns the logits,
// [batch, classes], of a batch of images, [batch, height, width, channels].
type Classifier func(scope *model.Scope, images *Node) *Node

// constructors are the networks by name. A constructor takes a number of classes that has been
// checked.
var constructors = map[string]func(classes int) Classifier{
	"resnet18":  ResNet18,
	"small-cnn": SmallCNN,
}

// Names are the names that ByName knows, in alphabetical order.
func Names() []string {
	var names []string
	for name := range constructors {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// ByName gives the network of that name with the given number of classes, at least 2. An unknown
// name or too few classes is an error.
func ByName(name string, classes int) (Classifier, error) {
	constructor, ok := constructors[name]
	if !ok {
		return nil, fmt.Errorf("models: no network is called %q, choose one of: %s", name, strings.Join(Names(), ", "))
	}
	if classes < 2 {
		return nil, fmt.Errorf("models: number of classes is %d, it must be at least 2", classes)
	}
	return constructor(classes), nil
}
