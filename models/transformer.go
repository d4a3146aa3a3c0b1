package models

import (
	"math"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/ml/model"

	"github.com/kafisto/kafisto/nn"
)

// The paper's Transformer has two layers and two heads.
const (
	transformerLayers = 2
	transformerHeads  = 2
)

// TinyTransformer is the Transformer of section 5.3: two layers of masked
// self-attention with two heads, and a word sees those before it in its window.
// The width, of word vectors, layers and the layers' hidden vectors, is 200: the
// paper does not say. Word vectors are tied with the output, scaled by the root
// of the width where they come in, and there sinusoids tell a word's place.
//
// Reference: Vaswani et al., "Attention Is All You Need", 2017; the recipe is that
// of PyTorch's word_language_model.
func TinyTransformer(c LanguageConfig) LanguageModel {
	c = c.withWidth(200)
	layer := nn.TransformerLayer{Heads: transformerHeads, FeedForward: c.Width, Dropout: c.Dropout}
	return LanguageModel{
		State: func(int) []shapes.Shape { return nil },
		Logits: func(scope *model.Scope, words *Node, _ []*Node) (logits *Node, next []*Node) {
			g, dtype := words.Graph(), dtypes.Float32
			embedding := nn.NewEmbedding(scope.In("embedding"), g, dtype, c.Vocabulary, c.Width, nil)
			x := MulScalar(embedding.Lookup(words), math.Sqrt(float64(c.Width)))
			x = Add(x, nn.SinusoidalPositions(g, dtype, words.Shape().Dim(0), c.Width))
			x = nn.Dropout(scope, x, c.Dropout)
			for i := range transformerLayers {
				x = layer.Apply(scope.In("layer%d", i+1), x)
			}
			return embedding.Logits(x), nil
		},
	}
}
