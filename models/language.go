package models

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/ml/model"
)

// LanguageModel predicts each word of a text from those before it.
type LanguageModel struct {
	// State are the shapes, Float32, of what the model carries from one window of
	// a text to the next, for so many texts at a time: hidden state and cell of
	// each layer. None for a model without memory. A text starts with zeros.
	State func(texts int) []shapes.Shape
	// Logits takes the words of a window, int32 [time, texts], and the state before
	// it, and returns the logits of each next word, [time * texts, vocabulary], and
	// the state after it. Variables are created or reused in scope. Dropout is
	// where the graph is built for training (model.Store.SetTraining).
	Logits func(scope *model.Scope, words *Node, state []*Node) (logits *Node, next []*Node)
}

// LanguageConfig is what can be chosen of a language model.
type LanguageConfig struct {
	// Vocabulary is the number of words, at least 2.
	Vocabulary int
	// Width is the size of a word's vector and of every layer, from 1 to 4096; 0
	// is the model's own. A Transformer's is a multiple of its two heads.
	Width int
	// Dropout is the share of values that training drops, from 0 to below 1. The
	// paper's is 0.65.
	Dropout float64
}

// languageModels are the language models by name. A constructor takes a
// configuration that has been checked.
var languageModels = map[string]func(LanguageConfig) LanguageModel{
	"larger-lstm":      LargerLSTM,
	"tiny-lstm":        TinyLSTM,
	"tiny-transformer": TinyTransformer,
}

// LanguageNames are the names that LanguageByName knows, in alphabetical order.
func LanguageNames() []string { return slices.Sorted(maps.Keys(languageModels)) }

// LanguageByName gives the language model of that name. An unknown name and a
// configuration that cannot be are errors.
func LanguageByName(name string, c LanguageConfig) (LanguageModel, error) {
	constructor, ok := languageModels[name]
	switch {
	case !ok:
		return LanguageModel{}, fmt.Errorf("models: no language model is called %q, choose one of: %s", name, strings.Join(LanguageNames(), ", "))
	case c.Vocabulary < 2:
		return LanguageModel{}, fmt.Errorf("models: vocabulary is %d words, it must be at least 2", c.Vocabulary)
	case c.Width < 0 || c.Width > maxWidth:
		return LanguageModel{}, fmt.Errorf("models: width is %d, it must be between 0 and %d", c.Width, maxWidth)
	case name == "tiny-transformer" && c.Width%transformerHeads != 0:
		return LanguageModel{}, fmt.Errorf("models: width is %d, which the %d heads of a Transformer do not divide", c.Width, transformerHeads)
	case !(c.Dropout >= 0 && c.Dropout < 1):
		return LanguageModel{}, fmt.Errorf("models: dropout is %g, it must be at least 0 and below 1", c.Dropout)
	}
	return constructor(c), nil
}

// withWidth is the configuration with that width, if it has none.
func (c LanguageConfig) withWidth(own int) LanguageConfig {
	if c.Width == 0 {
		c.Width = own
	}
	return c
}

// stateShapes are those of two vectors a layer.
func stateShapes(layers, width int) func(texts int) []shapes.Shape {
	return func(texts int) []shapes.Shape {
		return slices.Repeat([]shapes.Shape{shapes.Make(dtypes.Float32, texts, width)}, 2*layers)
	}
}
