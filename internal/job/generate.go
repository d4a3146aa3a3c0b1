package job

import (
	"context"
	"fmt"

	"github.com/kafisto/kafisto/internal/data"
	"github.com/kafisto/kafisto/internal/task"
	"github.com/kafisto/kafisto/models"
)

// Generation says what a run's model is to write.
type Generation struct {
	Saved
	Prompt   string // words with spaces between them; "" starts a sentence
	Words    int    // to write
	Unknown  bool   // whether the mark of an unknown word may be written
	Sampling Sampling
}

// Sampling says how words are drawn.
type Sampling = task.Sampling

// Generate goes on with a prompt and gives each word that the model adds to emit,
// endOfSentence for the mark. A word of the prompt that the vocabulary lacks is an
// error.
func Generate(ctx context.Context, g Generation, o Options, emit func(word string, endOfSentence bool)) error {
	w, err := g.open(ctx, o)
	if err != nil {
		return err
	}
	defer w.close()
	s := w.settings
	if !s.IsLanguage() {
		return fmt.Errorf("job: the run in %s is of images: name one of a language model", g.Dir)
	}
	folder, err := FindData(ctx, s, o)
	if err != nil {
		return err
	}
	text, err := data.LoadText(s.Dataset, folder)
	if err != nil {
		return err
	}
	vocabulary := text.Vocabulary
	prompt, err := vocabulary.Encode(g.Prompt)
	if err != nil {
		return err
	}
	network, err := models.LanguageByName(s.Model, models.LanguageConfig{Vocabulary: vocabulary.Len(), Width: s.Width, Dropout: s.Dropout})
	if err != nil {
		return err
	}
	if unknown, ok := vocabulary.Unknown(); ok && !g.Unknown {
		g.Sampling.Never = append(g.Sampling.Never, unknown)
	}
	prompt = append([]int32{vocabulary.EndOfSentence()}, prompt...)
	return task.Generate(ctx, w.engine.Backend, w.store, network, s.Window, prompt, g.Words, g.Sampling, func(word int32) {
		emit(vocabulary.Word(word), word == vocabulary.EndOfSentence())
	})
}
