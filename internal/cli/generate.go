package cli

import (
	"errors"
	"fmt"
	"strings"

	"github.com/kafisto/kafisto/internal/job"
)

// generateCommand writes text with a language model.
type generateCommand struct {
	savedFlags  `embed:""`
	Prompt      string  `default:"" help:"Words to go on with, with spaces between them; empty starts a sentence."`
	Words       int     `default:"100" help:"Words to write."`
	Temperature float64 `default:"1" help:"1 draws words from the model's probabilities, less is bolder, 0 takes the likeliest."`
	TopK        int     `name:"top-k" default:"0" help:"Draw from so many likeliest words; 0 means all."`
	Unknown     bool    `help:"Let it write <unk>, the mark of a word that is not in the vocabulary."`
	Seed        uint64  `default:"1" help:"Seed of the draws: the same writes the same."`
}

// Help shows an example.
func (generateCommand) Help() string {
	return `Example: kafisto generate runs/words --prompt "the company" --temperature 0.8`
}

// generated is a text, as JSON.
type generated struct {
	Type   string   `json:"type"`
	Prompt string   `json:"prompt"`
	Words  []string `json:"words"` // that were written; the mark of a sentence's end is one of them
}

// Run writes the prompt and what the model adds; a sentence ends a line.
func (c *generateCommand) Run(s *session) error {
	if c.Words < 1 || c.Words > 1_000_000 {
		return usage(fmt.Errorf("%d words: give 1 to 1,000,000", c.Words))
	}
	g := job.Generation{
		Saved: c.saved(), Prompt: c.Prompt, Words: c.Words, Unknown: c.Unknown,
		Sampling: job.Sampling{Temperature: c.Temperature, TopK: c.TopK, Seed: c.Seed},
	}
	if err := errors.Join(g.Sampling.Check(), c.check()); err != nil {
		return usage(err)
	}
	w := &textWriter{session: s, pending: strings.Fields(c.Prompt)}
	err := job.Generate(s.ctx, g, s.options(quietConsole{s}), w.write)
	w.end()
	if s.json && len(w.words) > 0 {
		s.object(generated{"generated", c.Prompt, w.words})
	}
	return err
}

// textWriter prints words as they come, a sentence a line; with --json it keeps
// them.
type textWriter struct {
	session *session
	pending []string // the prompt, until there is a first word
	words   []string
	inLine  bool
}

func (w *textWriter) write(word string, endOfSentence bool) {
	w.words = append(w.words, word)
	for _, p := range w.pending {
		w.print(p)
	}
	w.pending = nil
	if endOfSentence {
		w.end()
	} else {
		w.print(word)
	}
}

func (w *textWriter) print(word string) {
	if w.session.json {
		return
	}
	if w.inLine {
		word = " " + word
	}
	fmt.Fprint(w.session.stdout, word)
	w.inLine = true
}

// end ends the line, if there is one.
func (w *textWriter) end() {
	if w.inLine {
		fmt.Fprintln(w.session.stdout)
	}
	w.inLine = false
}
