package data

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"unicode/utf8"
)

// Limits of a file of text, after unpacking. WikiText-2's largest has 11 MB, and
// its longest lines a few thousand bytes.
const (
	maxText = 16 << 20 // bytes
	maxLine = 1 << 20  // bytes of a line
	maxWord = 1 << 10  // bytes of a word
)

// firstWords is for how many words there is room at first.
const firstWords = 1 << 10

// ReadTextFile reads one file of text by itself, UTF-8, plain or gzipped; where
// path does not exist, path with the ending ".gz". White space separates words; the
// end-of-sentence mark follows every line, blank ones too. The words are numbered
// in the order in which they appear.
//
// An error names the file, and the line where one is to blame.
func ReadTextFile(path string) (*Vocabulary, []int32, error) {
	vocabulary := newVocabulary()
	words, err := readTextFile(path, vocabulary.add)
	if err != nil {
		return nil, nil, err
	}
	return vocabulary, words, nil
}

// readTextFile reads a file's words as readText does.
func readTextFile(path string, place func(word []byte) (int32, error)) ([]int32, error) {
	file, path, err := openPlainOrGzip(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	return readText(file, path, fields, place)
}

// fields yields the words of a line, which white space separates.
func fields(line []byte, yield func(word []byte) bool) { bytes.FieldsSeq(line)(yield) }

// readText returns the numbers that place gives to the words that split finds in
// each line of r, and to the mark after it. name appears in errors.
func readText(r io.Reader, name string, split func(line []byte, yield func(word []byte) bool), place func(word []byte) (int32, error)) ([]int32, error) {
	var numbers []int32
	put := func(word []byte) error {
		number, err := place(word)
		if len(numbers) == cap(numbers) { // doubled: append would copy more often
			numbers = slices.Grow(numbers, len(numbers)+firstWords)
		}
		numbers = append(numbers, number)
		return err
	}
	var failed error
	each := func(word []byte) bool { // one for all lines: there may be millions
		switch {
		case len(word) > maxWord:
			failed = fmt.Errorf("a word of %d bytes is no word: words have at most %d", len(word), maxWord)
		case string(word) == endOfSentence:
			failed = fmt.Errorf("the word %s stands in the text, but it is the mark that is put after every line: remove it", endOfSentence)
		default:
			failed = put(word)
		}
		return failed == nil
	}
	lines, mark := 0, []byte(endOfSentence)
	err := scanLines(r, name, func(line []byte) error {
		lines++
		if split(line, each); failed != nil {
			return failed
		}
		return put(mark)
	})
	if err != nil {
		return nil, err
	}
	if len(numbers) == lines {
		return nil, fmt.Errorf("data: %s: has no words: get the file again", name)
	}
	return numbers, nil
}

// scanLines calls visit with every line of a text, plain or gzipped, without its
// end. The slice is visit's until it returns; its error gets the name and the line.
func scanLines(r io.Reader, name string, visit func(line []byte) error) error {
	r, err := maybeGunzip(r, name)
	if err != nil {
		return err
	}
	scanner := bufio.NewScanner(r)
	scanner.Buffer(nil, maxLine)
	number, size := 0, 0
	for scanner.Scan() && scanner.Err() == nil { // the text ends where it cannot be read, not with a line
		number++
		line := scanner.Bytes()
		if size += len(line) + 1; size > maxText {
			return fmt.Errorf("data: %s: more than %d MiB of text: this is not a file of the data set", name, maxText>>20)
		}
		err := checkText(line, number == 1)
		if err == nil {
			err = visit(line)
		}
		if err != nil {
			return fmt.Errorf("data: %s: line %d: %w", name, number, err)
		}
	}
	switch err := scanner.Err(); {
	case err == nil:
		return nil
	case errors.Is(err, bufio.ErrTooLong):
		return fmt.Errorf("data: %s: line %d: longer than %d bytes: this is not a file of the data set", name, number+1, maxLine)
	case errors.Is(err, io.ErrUnexpectedEOF):
		return shortFile(name, fmt.Sprintf("after line %d", number), err)
	default:
		return fmt.Errorf("data: %s: cannot be read to its end (%w): fetch it again", name, err)
	}
}

// checkText tells what is wrong with a line that is not plain UTF-8.
func checkText(line []byte, first bool) error {
	if first {
		for _, mark := range []struct{ bytes, encoding string }{
			{"\xff\xfe", "UTF-16"}, {"\xfe\xff", "UTF-16"}, {"\xef\xbb\xbf", "UTF-8"},
		} {
			if bytes.HasPrefix(line, []byte(mark.bytes)) {
				return fmt.Errorf("the file starts with the byte order mark of %s: save it as UTF-8 without a mark", mark.encoding)
			}
		}
	}
	if utf8.Valid(line) && bytes.IndexByte(line, 0) < 0 {
		return nil
	}
	for at := 0; ; {
		r, size := utf8.DecodeRune(line[at:])
		if r == 0 || r == utf8.RuneError && size < 2 {
			return fmt.Errorf("byte %d is %#02x, which is not text in UTF-8 (the file may be Latin-1, UTF-16 or no text): save it as UTF-8", at+1, line[at])
		}
		at += size
	}
}
