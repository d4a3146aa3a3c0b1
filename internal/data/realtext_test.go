package data

import (
	"archive/zip"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// TestPublishedPTB reads the published files where they lie, zipped, beside the
// checkout, and compares them with what Fetch pins.
func TestPublishedPTB(t *testing.T) {
	archive, err := zip.OpenReader(filepath.Join("..", "..", "..", "shared", "data", "ptb.zip"))
	if err != nil {
		t.Skipf("no Penn Treebank, so its numbers are not compared with the published ones (%v)", err)
	}
	defer archive.Close()
	dir := t.TempDir()
	marks := map[string]int{}
	for _, source := range ptbSources {
		file, err := archive.Open(source.Name)
		if err != nil {
			t.Fatal(err)
		}
		content, err := io.ReadAll(file)
		if err != nil {
			t.Fatal(err)
		}
		if sum := sha256.Sum256(content); int64(len(content)) != source.Size || hex.EncodeToString(sum[:]) != source.SHA256 {
			t.Errorf("%s: %d bytes with SHA-256 %x, pinned are %d and %s", source.Name, len(content), sum, source.Size, source.SHA256)
		}
		if err := os.WriteFile(filepath.Join(dir, source.Name), content, 0o644); err != nil {
			t.Fatal(err)
		}
		for _, b := range content {
			if b == '\n' {
				marks[source.Name]++
			}
		}
	}
	text, err := LoadText("ptb", dir)
	if err != nil {
		t.Fatal(err)
	}
	for i, split := range []struct {
		words             []int32
		without, withThem int
	}{{text.Train, 887521, 929589}, {text.Validation, 70390, 73760}, {text.Test, 78669, 82430}} {
		if without := len(split.words) - marks[ptbFiles[i]]; len(split.words) != split.withThem || without != split.without {
			t.Errorf("%s: %d words, %d with marks, want %d and %d", ptbFiles[i], without, len(split.words), split.without, split.withThem)
		}
	}
	if _, ok := text.Vocabulary.Unknown(); !ok || text.Vocabulary.Len() != 10000 {
		t.Errorf("%d different words, <unk> among them: %v", text.Vocabulary.Len(), ok)
	}
	if got := spelled(text.Vocabulary, text.Validation[:11]); got != "consumers may want to move their telephones a little closer to" {
		t.Errorf("the validation split begins %q", got)
	}
	if !slices.Contains(text.Test, text.Vocabulary.EndOfSentence()) {
		t.Error("no end-of-sentence mark in the test split")
	}
}

// TestPublishedWikiText reads the splits that lie beside the checkout, one by one.
func TestPublishedWikiText(t *testing.T) {
	dir := filepath.Join("..", "..", "..", "shared", "data", wikitextFolder)
	if _, err := os.Stat(dir); err != nil {
		t.Skipf("no WikiText-2, so its numbers are not compared with the published ones (%v)", err)
	}
	if _, err := os.Stat(filepath.Join(dir, wikitextFiles[0])); err == nil {
		if _, err := LoadText("wikitext-2", dir); err != nil {
			t.Error(err)
		}
	}
	for file, want := range map[string]int{wikitextFiles[1]: 217646, wikitextFiles[2]: 245569} {
		_, words, err := ReadTextFile(filepath.Join(dir, file))
		if err != nil || len(words) != want {
			t.Errorf("%s: %d words with marks, want %d (%v)", file, len(words), want, err)
		}
	}
}
