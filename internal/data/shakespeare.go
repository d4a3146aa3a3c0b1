package data

import (
	"bytes"
	"compress/gzip"
	_ "embed"
	"fmt"
	"io"
	"slices"
)

// tinyShakespeare is the beginning of Shakespeare's plays that A. Karpathy put
// together for char-rnn (data/tinyshakespeare/input.txt there), in the public
// domain, unchanged: gzip -9n < input.txt > shakespeare/tinyshakespeare.txt.gz.
//
//go:embed shakespeare/tinyshakespeare.txt.gz
var tinyShakespeare []byte

// Sizes of the embedded text, with end-of-sentence marks.
const (
	shakespeareTrain      = 264717
	shakespeareValidation = 14066
	shakespeareTest       = 12802
	shakespeareVocabulary = 3068
)

// shakespeareRare is how often a word must be in the training split to be in the
// vocabulary.
const shakespeareRare = 5

// loadShakespeare makes the embedded text from its lines: the first 90 of a hundred
// are for training, the next 5 for validation, the last 5 for the test. Words are in
// lower case and apart from punctuation (see playWords); those that the training
// split has fewer than shakespeareRare times are "<unk>".
func loadShakespeare(info Info, _ string) (*Text, error) {
	unpacked, err := gzip.NewReader(bytes.NewReader(tinyShakespeare))
	if err != nil {
		return nil, fmt.Errorf("data: the embedded text is damaged: %w", err)
	}
	content, err := io.ReadAll(io.LimitReader(unpacked, maxText))
	if err != nil {
		return nil, fmt.Errorf("data: the embedded text is damaged: %w", err)
	}
	lines := bytes.Count(content, []byte("\n"))
	training, rest := cutLines(content, lines*90/100)
	validation, test := cutLines(rest, lines*5/100)

	text := &Text{Name: info.Name}
	all := newVocabulary()
	if text.Train, err = readText(bytes.NewReader(training), "embedded text", playWords, all.add); err != nil {
		return nil, err
	}
	text.Vocabulary = withoutRare(all, text.Train, shakespeareRare)
	if text.Validation, err = readText(bytes.NewReader(validation), "embedded text", playWords, text.Vocabulary.knownOrUnknown); err != nil {
		return nil, err
	}
	if text.Test, err = readText(bytes.NewReader(test), "embedded text", playWords, text.Vocabulary.knownOrUnknown); err != nil {
		return nil, err
	}
	return text, nil
}

// cutLines cuts a text after n lines.
func cutLines(text []byte, n int) (head, tail []byte) {
	at := 0
	for range n {
		at += bytes.IndexByte(text[at:], '\n') + 1
	}
	return text[:at], text[at:]
}

// withoutRare numbers the words anew, in place: those that are there fewer than
// least times become "<unk>".
func withoutRare(all *Vocabulary, words []int32, least int) *Vocabulary {
	counts := make([]int, all.Len())
	for _, n := range words {
		counts[n]++
	}
	kept := newVocabulary()
	renumbered := slices.Repeat([]int32{-1}, all.Len())
	for i, n := range words {
		if renumbered[n] < 0 {
			word := unknownWord
			if counts[n] >= least {
				word = all.words[n]
			}
			renumbered[n], _ = kept.add([]byte(word))
		}
		words[i] = renumbered[n]
	}
	return kept
}

// playWords yields the words of a line in lower case: letters and figures, with
// single apostrophes and hyphens between them ("we'll", "to-morrow"); any other
// character that is not a space is a word by itself. For text in ASCII.
func playWords(line []byte, yield func(word []byte) bool) {
	lower := bytes.ToLower(line)
	for start := 0; start < len(lower); {
		end := playWordEnd(lower, start)
		if lower[start] != ' ' && !yield(lower[start:end]) {
			return
		}
		start = end
	}
}

// playWordEnd returns where the word or the space ends that starts at a place.
func playWordEnd(line []byte, at int) int {
	letter := func(at int) bool {
		return at < len(line) && (line[at] >= 'a' && line[at] <= 'z' || line[at] >= '0' && line[at] <= '9')
	}
	if !letter(at) {
		return at + 1
	}
	for letter(at) || at < len(line) && (line[at] == '\'' || line[at] == '-') && letter(at+1) {
		at++
	}
	return at
}
