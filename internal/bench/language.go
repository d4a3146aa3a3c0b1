package bench

import (
	"math/rand/v2"

	"github.com/gomlx/gomlx/core/tensors"

	"github.com/kafisto/kafisto/internal/task"
	"github.com/kafisto/kafisto/internal/train"
	"github.com/kafisto/kafisto/models"
)

// The paper's language models read 20 parts of a text side by side, 35 words at a
// time; Penn Treebank has 10,000 words.
const (
	languageStreams = 20
	languageWindow  = 35
	vocabulary      = 10000
	dropout         = 0.65
)

// language is a language model of package models as a case of that name.
func language(name, network string) trainedCase {
	return languageCase(name, network, models.LanguageConfig{Vocabulary: vocabulary, Dropout: dropout}, languageWindow)
}

// languageCase is a language model as a case, on windows of so many words.
func languageCase(name, network string, c models.LanguageConfig, window int) trainedCase {
	return trainedCase{
		name: name, unit: "words", batch: languageStreams, items: window,
		problem: func(batch int) (train.Problem, error) {
			m, err := models.LanguageByName(network, c)
			if err != nil {
				return train.Problem{}, err
			}
			p := task.LanguageProblem(m, batch)
			p.Name = name
			return p, nil
		},
		next: func(batch int) func() (inputs, labels []*tensors.Tensor) {
			return madeWords(window, batch, c.Vocabulary)
		},
	}
}

// madeWords gives the same window of made-up words again and again, in new tensors.
func madeWords(window, streams, vocabulary int) func() (inputs, labels []*tensors.Tensor) {
	source := rand.New(rand.NewPCG(seed, seed))
	words := make([]int32, (window+1)*streams)
	for i := range words {
		words[i] = source.Int32N(int32(vocabulary))
	}
	return func() (inputs, labels []*tensors.Tensor) {
		return []*tensors.Tensor{tensors.FromFlatDataAndDimensions(words[:window*streams], window, streams), tensors.FromScalar(float32(0))},
			[]*tensors.Tensor{tensors.FromFlatDataAndDimensions(words[streams:], window, streams)}
	}
}
