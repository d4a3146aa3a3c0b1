package data

import (
	"fmt"
	"path/filepath"
	"strings"
)

// Text is a text cut into words, held in memory.
type Text struct {
	// Name of the set, as LoadText takes it.
	Name string
	// Vocabulary numbers the words.
	Vocabulary *Vocabulary
	// Train, Validation and Test are the splits: numbers of words in [0,
	// Vocabulary.Len()), with the end-of-sentence mark after every line.
	Train, Validation, Test []int32
}

// The publishers' files: training, validation and test split.
var (
	ptbFiles      = [3]string{"ptb.train.txt", "ptb.valid.txt", "ptb.test.txt"}
	wikitextFiles = [3]string{"wiki.train.tokens", "wiki.valid.tokens", "wiki.test.tokens"}
)

// Numbers of words have the end-of-sentence marks in them. Penn Treebank is the
// version of Mikolov et al., 2010, WikiText-2 that of Merity et al., 2017.
var textSets = []*dataSet{
	{
		info: Info{Kind: KindText, Name: "shakespeare", Title: "Tiny Shakespeare", Train: shakespeareTrain,
			Validation: shakespeareValidation, Test: shakespeareTest, Vocabulary: shakespeareVocabulary, Embedded: true},
		loadText: loadShakespeare,
	},
	{
		info: Info{Kind: KindText, Name: "ptb", Title: "Penn Treebank (words)", Train: 929589,
			Validation: 73760, Test: 82430, Vocabulary: 10000},
		folder: "ptb", probes: ptbFiles[:1], files: ptbFiles[:],
		loadText: textLoader(ptbFiles), sources: ptbSources,
	},
	{
		info: Info{Kind: KindText, Name: "wikitext-2", Title: "WikiText-2 (words)", Train: 2088628,
			Validation: 217646, Test: 245569, Vocabulary: 33278},
		folder: wikitextFolder, probes: wikitextFiles[:1], files: wikitextFiles[:],
		loadText: textLoader(wikitextFiles), sources: wikitextSources, members: wikitextMembers,
	},
}

// LoadText reads a text by name from the publisher's files in dir, or in its folder
// inside dir ("ptb", "wikitext-2"); each file may be gzipped, with the ending
// ".gz". An embedded text ignores dir.
//
// The splits must have exactly the published numbers of words, and the other two no
// word that the training split lacks. Where files are missing the error satisfies
// errors.Is(err, fs.ErrNotExist).
func LoadText(name, dir string) (*Text, error) {
	set, err := findKind(name, KindText)
	if err != nil {
		return nil, err
	}
	if dir, err = set.locate(dir); err != nil {
		return nil, err
	}
	if err := set.checkUnpacked(dir); err != nil {
		return nil, err
	}
	text, err := set.loadText(set.info, dir)
	if err != nil {
		return nil, err
	}
	if err := text.asPublished(set.info, dir); err != nil {
		return nil, err
	}
	return text, nil
}

// textLoader makes a dataSet's loadText function from its files.
func textLoader(files [3]string) func(Info, string) (*Text, error) {
	return func(info Info, dir string) (*Text, error) {
		text := &Text{Name: info.Name, Vocabulary: newVocabulary()}
		place := text.Vocabulary.add
		for i, split := range []*[]int32{&text.Train, &text.Validation, &text.Test} {
			var err error
			if *split, err = readTextFile(filepath.Join(dir, files[i]), place); err != nil {
				return nil, err
			}
			place = text.Vocabulary.known
		}
		return text, nil
	}
}

// asPublished compares the text's numbers with those of its publisher.
func (t *Text) asPublished(info Info, dir string) error {
	var wrong []string
	for _, n := range []struct {
		what      string
		got, want int
	}{
		{"training words", len(t.Train), info.Train},
		{"validation words", len(t.Validation), info.Validation},
		{"test words", len(t.Test), info.Test},
		{"different words", t.Vocabulary.Len(), info.Vocabulary},
	} {
		if n.got != n.want {
			wrong = append(wrong, fmt.Sprintf("%d %s, want %d", n.got, n.what, n.want))
		}
	}
	if len(wrong) == 0 {
		return nil
	}
	return fmt.Errorf("data: %s: the files in %s have %s (end-of-sentence marks included): this is not %s as published; get the files again",
		t.Name, dir, strings.Join(wrong, "; "), info.Title)
}
