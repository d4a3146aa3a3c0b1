package data

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// writeText writes files into a new folder.
func writeText(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, content := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestTextLoader(t *testing.T) {
	info := Info{Name: "small", Title: "Small", Train: 5, Validation: 2, Test: 3, Vocabulary: 4}
	files := map[string]string{ptbFiles[0]: "a b\nc\n", ptbFiles[1]: "c\n", ptbFiles[2]: "b a\n"}
	dir := writeText(t, files)
	text, err := textLoader(ptbFiles)(info, dir)
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(text.Train, []int32{0, 1, 2, 3, 2}) || !slices.Equal(text.Validation, []int32{3, 2}) || !slices.Equal(text.Test, []int32{1, 0, 2}) {
		t.Errorf("splits %v, %v, %v", text.Train, text.Validation, text.Test)
	}
	if err := text.asPublished(info, dir); err != nil {
		t.Error(err)
	}
	info.Test, info.Vocabulary = 2, 5
	wantError(t, text.asPublished(info, dir), dir, "3 test words, want 2", "4 different words, want 5", "not Small as published")

	files[ptbFiles[2]] = "a\nb d\n"
	_, err = textLoader(ptbFiles)(info, writeText(t, files))
	wantError(t, err, ptbFiles[2], "line 2", `"d"`, "4 words")
	delete(files, ptbFiles[1])
	_, err = textLoader(ptbFiles)(info, writeText(t, files))
	wantError(t, err, ptbFiles[1])
	if !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("%v is not ErrNotExist", err)
	}
}

func TestLoadText(t *testing.T) {
	_, err := LoadText("ptb", writeText(t, map[string]string{ptbFiles[0]: "a\n", ptbFiles[1]: "a\n", ptbFiles[2]: "a\n"}))
	wantError(t, err, "ptb", "2 training words, want 929589", "not Penn Treebank")
	incomplete := writeText(t, map[string]string{ptbFiles[0] + ".gz": "", ptbFiles[1]: "a\n"})
	for _, dir := range []string{incomplete, filepath.Dir(incomplete)} {
		if dir != incomplete {
			if err := os.Rename(incomplete, filepath.Join(dir, "ptb")); err != nil {
				t.Fatal(err)
			}
		}
		err = Locate("ptb", dir)
		wantError(t, err, "ptb.test.txt is missing in "+dir, "get the file again")
		if !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%v is not ErrNotExist", err)
		}
	}
	_, err = LoadText("cifar10", t.TempDir())
	wantError(t, err, "cifar10", "images", "wikitext-2")
	_, _, err = Load("ptb", t.TempDir())
	wantError(t, err, "ptb", "text", "fashion-mnist")
	_, err = LoadText("mnist", t.TempDir())
	wantError(t, err, `"mnist"`)
	for _, name := range NamesOf(KindText) {
		info, err := Describe(name)
		if err != nil || info.Kind != KindText || min(info.Train, info.Validation, info.Test, info.Vocabulary) < 1 || info.Classes != 0 {
			t.Errorf("%+v, %v", info, err)
		}
		if info.Embedded {
			continue
		}
		for _, dir := range []string{"", t.TempDir()} {
			_, err := LoadText(name, dir)
			wantError(t, err, name, "fetch the data set")
			wantError(t, Locate(name, dir), name)
			if dir != "" && !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("%v is not ErrNotExist", err)
			}
		}
	}
	if !slices.Contains(Names(), "ptb") || !slices.Contains(Names(), "cifar10") || slices.Contains(NamesOf(KindText), "cifar10") {
		t.Errorf("names %v, of texts %v", Names(), NamesOf(KindText))
	}
}

func TestShakespeare(t *testing.T) {
	unpacked, err := gzip.NewReader(bytes.NewReader(tinyShakespeare))
	if err != nil {
		t.Fatal(err)
	}
	content, err := io.ReadAll(unpacked)
	if err != nil {
		t.Fatal(err)
	}
	// The sum of char-rnn's input.txt, as many pin it.
	if sum := sha256.Sum256(content); hex.EncodeToString(sum[:]) != "86c4e6aa9db7c042ec79f339dcb96d42b0075e16b8fc2e86bf0ca57e2dc565ed" {
		t.Errorf("the embedded text has SHA-256 %x", sum)
	}
	text, err := LoadText("shakespeare", "")
	if err != nil {
		t.Fatal(err)
	}
	if begin := spelled(text.Vocabulary, text.Train[:22]); begin !=
		"first citizen : <eos> before we proceed any further , hear me speak . <eos> <eos> all : <eos> speak , speak" {
		t.Errorf("begins %q", begin)
	}
	unknown, ok := text.Vocabulary.Unknown()
	if !ok {
		t.Fatal("no <unk>")
	}
	counts := make([]int, text.Vocabulary.Len())
	for _, n := range text.Train {
		counts[n]++
	}
	if least := slices.Min(counts); least < shakespeareRare {
		t.Errorf("%q is in the vocabulary, %d times in the text", text.Vocabulary.Word(int32(slices.Index(counts, least))), least)
	}
	if share := float64(counts[unknown]) / float64(len(text.Train)); share > 0.06 {
		t.Errorf("%.3f of the training words are <unk>", share)
	}
	again, err := LoadText("shakespeare", "nowhere")
	if err != nil || !slices.Equal(again.Train, text.Train) || !slices.Equal(again.Test, text.Test) || !slices.Equal(again.Vocabulary.words, text.Vocabulary.words) {
		t.Errorf("another load differs (%v)", err)
	}
}

func TestPlayWords(t *testing.T) {
	for line, want := range map[string]string{
		"We know't, we know't.":     "we know't , we know't .",
		"'Tis to-morrow--or never!": "' tis to-morrow - - or never !",
		"3 KING HENRY VI:":          "3 king henry vi :",
		"  a- 'b' -c '":             "a - ' b ' - c '",
		"":                          "",
	} {
		var words []string
		playWords([]byte(line), func(word []byte) bool {
			words = append(words, string(word))
			return true
		})
		if got := strings.Join(words, " "); got != want {
			t.Errorf("%q: %q, want %q", line, got, want)
		}
	}
}
