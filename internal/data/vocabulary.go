package data

import (
	"fmt"
	"strings"
)

// Words that stand for something else in every text of this package.
const (
	endOfSentence = "<eos>" // after every line
	unknownWord   = "<unk>" // in place of a rare word
)

// Vocabulary numbers the words of a text from 0, in the order in which they first
// appear in its training split, as PyTorch's word_language_model does. The
// end-of-sentence mark is one of the words. It never changes once a text is read.
type Vocabulary struct {
	words   []string
	numbers map[string]int32
}

func newVocabulary() *Vocabulary { return &Vocabulary{numbers: map[string]int32{}} }

// Len is the number of words.
func (v *Vocabulary) Len() int { return len(v.words) }

// Word returns the word of a number, "" for a number outside [0, Len).
func (v *Vocabulary) Word(i int32) string {
	if i < 0 || int(i) >= len(v.words) {
		return ""
	}
	return v.words[i]
}

// Number returns the number of a word, and whether it is in the vocabulary.
func (v *Vocabulary) Number(word string) (int32, bool) {
	number, ok := v.numbers[word]
	return number, ok
}

// Unknown returns the number of "<unk>", which stands for rare words, and whether
// the text has it.
func (v *Vocabulary) Unknown() (int32, bool) { return v.Number(unknownWord) }

// EndOfSentence returns the number of the mark "<eos>" that follows every line.
func (v *Vocabulary) EndOfSentence() int32 { return v.numbers[endOfSentence] }

// Encode numbers the words of a text, which white space separates. A word that is
// not in the vocabulary is an error.
func (v *Vocabulary) Encode(text string) ([]int32, error) {
	var numbers []int32
	for word := range strings.FieldsSeq(text) {
		number, err := v.known([]byte(word))
		if err != nil {
			return nil, fmt.Errorf("data: %w", err)
		}
		numbers = append(numbers, number)
	}
	return numbers, nil
}

// add returns the number of a word, which it gives it if it has none.
func (v *Vocabulary) add(word []byte) (int32, error) {
	if number, ok := v.numbers[string(word)]; ok {
		return number, nil
	}
	number := int32(len(v.words))
	v.words = append(v.words, string(word))
	v.numbers[v.words[number]] = number
	return number, nil
}

// known returns the number of a word that must have one.
func (v *Vocabulary) known(word []byte) (int32, error) {
	if number, ok := v.numbers[string(word)]; ok {
		return number, nil
	}
	return 0, fmt.Errorf("the word %.40q is not in the vocabulary of %d words: use words that the training text has", word, v.Len())
}

// knownOrUnknown returns the number of a word, or that of "<unk>".
func (v *Vocabulary) knownOrUnknown(word []byte) (int32, error) {
	if number, ok := v.numbers[string(word)]; ok {
		return number, nil
	}
	return v.known([]byte(unknownWord))
}
