package data

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
	"unicode/utf8"

	"github.com/kafisto/kafisto/internal/alloctest"
)

// spelled turns numbers back into words.
func spelled(v *Vocabulary, numbers []int32) string {
	words := make([]string, len(numbers))
	for i, n := range numbers {
		words[i] = v.Word(n)
	}
	return strings.Join(words, " ")
}

func TestReadText(t *testing.T) {
	for name, c := range map[string]struct{ text, want string }{
		"plain":       {"b a\nb\n", "b a <eos> b <eos>"},
		"blank lines": {" \n = a =\n\n", "<eos> = a = <eos> <eos>"},
		"no last end": {"a", "a <eos>"},
		"DOS ends":    {"a\r\nb\r\n", "a <eos> b <eos>"},
		"many spaces": {" a\t\u00a0 b  \n", "a b <eos>"},
		"other words": {"<unk> N é 字\n", "<unk> N é 字 <eos>"},
	} {
		for _, form := range [][]byte{[]byte(c.text), gzipped(t, []byte(c.text))} {
			v := newVocabulary()
			got, err := readText(bytes.NewReader(form), "f", fields, v.add)
			if err != nil || spelled(v, got) != c.want {
				t.Errorf("%s: %q, %v", name, spelled(v, got), err)
			}
		}
	}
}

func TestTextBadInput(t *testing.T) {
	long := strings.Repeat("x", maxWord)
	packed := gzipped(t, []byte(strings.Repeat("a line of text\n", 9)))
	broken := slices.Clone(packed)
	broken[len(broken)-6] ^= 1 // in the sum
	for name, c := range map[string]struct {
		text  string
		words []string
	}{
		"empty":         {"", []string{"no words"}},
		"blank":         {"\n \n", []string{"no words"}},
		"Latin-1":       {"a\nb caf\xe9\n", []string{"line 2", "byte 6", "0xe9", "Latin-1"}},
		"UTF-16":        {"\xff\xfea\x00\n\x00", []string{"line 1", "UTF-16"}},
		"UTF-16 big":    {"\xfe\xff\x00a", []string{"UTF-16"}},
		"UTF-8 mark":    {"\xef\xbb\xbfa\n", []string{"byte order mark of UTF-8"}},
		"no text":       {"a\n\x00b\n", []string{"line 2", "byte 1", "0x00"}},
		"long word":     {"a\n" + long + "y\n", []string{"line 2", "1025 bytes"}},
		"long line":     {"a\n" + strings.Repeat("a ", maxLine/2) + "\n", []string{"line 2", "longer than 1048576"}},
		"marks in it":   {"a <eos>\n", []string{"line 1", "<eos>"}},
		"too large":     {strings.Repeat(long+"\n", maxText/maxWord), []string{"16 MiB"}},
		"gzip cut":      {string(packed[:len(packed)-12]), []string{"cut short"}},
		"gzip sum":      {string(broken), []string{"to its end"}},
		"not even gzip": {"\x1f\x8bxx", []string{"gzip"}},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := readText(strings.NewReader(c.text), "some.txt", fields, newVocabulary().add)
			wantError(t, err, append(c.words, "some.txt")...)
		})
	}
	if _, err := readText(strings.NewReader(long), "f", fields, newVocabulary().add); err != nil {
		t.Errorf("a word as long as may be: %v", err)
	}
}

// TestCutTextBlamesNoWord: what is left of a last line is not taken for its words.
func TestCutTextBlamesNoWord(t *testing.T) {
	r := io.MultiReader(strings.NewReader("the end\nthe e"), iotest.ErrReader(io.ErrUnexpectedEOF))
	v := newVocabulary()
	_, err := readText(r, "some.txt", fields, func(word []byte) (int32, error) {
		if string(word) == "e" {
			t.Error("a part of a word was taken for one")
		}
		return v.add(word)
	})
	wantError(t, err, "some.txt", "after line 1", "cut short")
}

func TestReadTextFile(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "some.txt")
	_, _, err := ReadTextFile(path)
	wantError(t, err, path+":")
	if !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("%v is not ErrNotExist", err)
	}
	if err := os.WriteFile(path+".gz", gzipped(t, []byte("the end\nthe\n")), 0o644); err != nil {
		t.Fatal(err)
	}
	v, words, err := ReadTextFile(path)
	if err != nil || !slices.Equal(words, []int32{0, 1, 2, 0, 2}) || v.Len() != 3 || v.EndOfSentence() != 2 {
		t.Errorf("%v of %d words, %v", words, v.Len(), err)
	}
	if err := os.Mkdir(path, 0o755); err != nil {
		t.Fatal(err)
	}
	_, _, err = ReadTextFile(path)
	wantError(t, err, path, "not a regular file")
}

func TestVocabulary(t *testing.T) {
	v := newVocabulary()
	if _, ok := v.Unknown(); ok {
		t.Error("an empty vocabulary has <unk>")
	}
	if _, err := readText(strings.NewReader("the cat <unk>\n"), "f", fields, v.add); err != nil {
		t.Fatal(err)
	}
	for i := range int32(v.Len()) {
		if n, ok := v.Number(v.Word(i)); !ok || n != i {
			t.Errorf("word %d (%q) has number %d", i, v.Word(i), n)
		}
	}
	if n, ok := v.Unknown(); !ok || n != 2 || v.EndOfSentence() != 3 {
		t.Errorf("<unk> is %d, <eos> is %d", n, v.EndOfSentence())
	}
	if v.Word(-1) != "" || v.Word(4) != "" {
		t.Error("numbers outside the vocabulary have words")
	}
	got, err := v.Encode(" the  cat\nthe <eos>")
	if err != nil || !slices.Equal(got, []int32{0, 1, 0, 3}) {
		t.Errorf("%v, %v", got, err)
	}
	_, err = v.Encode("the dog\n")
	wantError(t, err, `"dog"`, "4 words")
	_, err = v.Encode("the \xff" + strings.Repeat("x", 1000))
	wantError(t, err, `\xff`)
	if len(err.Error()) > 300 {
		t.Errorf("an error of %d bytes", len(err.Error()))
	}
}

// TestBlankLinesTakeLittle: the largest text, all of blank lines, a word each, takes a
// few times the memory of its words' numbers, 64 MiB; half of that is garbage.
func TestBlankLinesTakeLittle(t *testing.T) {
	text := "a" + strings.Repeat("\n", maxText-1)
	v := newVocabulary()
	var numbers []int32
	var err error
	alloctest.Within(t, 1<<20+16*maxText, func() { numbers, err = readText(strings.NewReader(text), "f", fields, v.add) })
	if err != nil || len(numbers) != maxText || v.Len() != 2 {
		t.Errorf("%d words, %v", len(numbers), err)
	}
}

func FuzzEncode(f *testing.F) {
	v := newVocabulary()
	if _, err := readText(strings.NewReader("the cat <unk> é\n"), "f", fields, v.add); err != nil {
		f.Fatal(err)
	}
	f.Add(" the  cat\nthe <eos>")
	f.Add("the dog \xff")
	f.Add(strings.Repeat("é ", 50))
	f.Fuzz(func(t *testing.T, text string) {
		var numbers []int32
		var err error
		alloctest.Within(t, 1<<20+32*len(text), func() { numbers, err = v.Encode(text) })
		if err != nil {
			wantError(t, err, "vocabulary")
			return
		}
		if again := spelled(v, numbers); again != strings.Join(strings.Fields(text), " ") {
			t.Errorf("%q is %v, that is %q", text, numbers, again)
		}
	})
}

func FuzzText(f *testing.F) {
	f.Add([]byte(" \n = Homarus gammarus = \n \n a <unk> b\r\n"))
	f.Add([]byte("caf\xe9 <eos>\n"))
	f.Add([]byte("\xff\xfea\x00"))
	f.Add(gzipped(f, []byte("a b\n\nb a")))
	blank := []byte("a" + strings.Repeat("\n", 40000))
	f.Add(blank)
	f.Add(gzipped(f, blank))
	f.Fuzz(func(t *testing.T, text []byte) {
		v := newVocabulary()
		var numbers []int32
		var err error
		alloctest.Within(t, 1<<20+unpacked(text)*64, func() { numbers, err = readText(bytes.NewReader(text), "f", fields, v.add) })
		if err != nil {
			wantError(t, err, "f: ")
			return
		}
		if again, err := readText(bytes.NewReader(text), "f", fields, v.known); err != nil || !slices.Equal(again, numbers) {
			t.Fatalf("read again: %v, %v", again, err)
		}
		if bytes.HasPrefix(text, []byte{0x1f, 0x8b}) {
			return
		}
		// An independent count: the words, and a mark a line.
		lines := strings.Count(string(text), "\n")
		if !bytes.HasSuffix(text, []byte("\n")) {
			lines++
		}
		if want := len(strings.Fields(string(text))) + lines; len(numbers) != want || !utf8.Valid(text) {
			t.Fatalf("%d words, want %d", len(numbers), want)
		}
	})
}

// unpacked bounds the bytes of a text: deflate makes at most 1032 of one.
func unpacked(file []byte) int {
	if bytes.HasPrefix(file, []byte{0x1f, 0x8b}) {
		return min(1032*len(file), maxText)
	}
	return len(file)
}
