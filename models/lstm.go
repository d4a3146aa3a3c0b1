package models

import (
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/ml/model"

	"github.com/kafisto/kafisto/nn"
)

// lstmLayers is the number of layers of the paper's LSTMs.
const lstmLayers = 2

// TinyLSTM is the smaller LSTM of section 5.3: two layers of width 200, word
// vectors of the same width, tied with the output. There is dropout before,
// between and after the layers.
//
// Reference: the recipe is that of PyTorch's word_language_model, as in
// Bernstein et al., "On the distance between two neural networks and the
// stability of learning", 2020.
func TinyLSTM(c LanguageConfig) LanguageModel { return lstm(c.withWidth(200)) }

// LargerLSTM is the larger LSTM of section 5.3: [TinyLSTM] with width 1500.
func LargerLSTM(c LanguageConfig) LanguageModel { return lstm(c.withWidth(1500)) }

func lstm(c LanguageConfig) LanguageModel {
	return LanguageModel{
		State: stateShapes(lstmLayers, c.Width),
		Logits: func(scope *model.Scope, words *Node, state []*Node) (logits *Node, next []*Node) {
			embedding := nn.NewEmbedding(scope.In("embedding"), words.Graph(), state[0].DType(), c.Vocabulary, c.Width, nil)
			x := nn.Dropout(scope, embedding.Lookup(words), c.Dropout)
			for layer := range lstmLayers {
				outputs, hidden, cell := nn.LSTM(scope.In("lstm%d", layer+1), x, state[2*layer], state[2*layer+1])
				x = nn.Dropout(scope, outputs, c.Dropout)
				next = append(next, hidden, cell)
			}
			return embedding.Logits(x), next
		},
	}
}
