package data

import (
	"archive/zip"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// madeBad makes second training files that are each wrong in one way; the word
// is in the error.
func madeBad(t *testing.T) map[string]struct {
	file []byte
	word string
} {
	type bad = struct {
		file []byte
		word string
	}
	const n = madeSecond
	shape := fmt.Sprintf("(%d, 3072)", n)
	rows, labels := madeRows(madeFirst, n), madeLabels(madeFirst, n)
	whole := npzBytes(t, madeBatch(madeFirst, n, zip.Store)...)
	// with puts another array in the place of data or labels.
	with := func(key string, content []byte, word string) bad {
		members := madeBatch(madeFirst, n, zip.Store)
		at := slices.IndexFunc(members, func(m npzMember) bool { return m.name == key+".npy" })
		members[at].content = content
		return bad{npzBytes(t, members...), word}
	}
	data := func(kind, shape string, word string) bad { return with("data", npyArray(kind, shape, rows), word) }
	number := func(kind, shape string, values []byte, word string) bad {
		return with("labels", npyArray(kind, shape, values), word)
	}
	label := func(v byte, more ...byte) []byte {
		wrong := slices.Clone(labels)
		copy(wrong[8*3:], append([]byte{v}, more...))
		return wrong
	}
	twice := madeBatch(madeFirst, n, zip.Store)
	return map[string]bad{
		"empty":             {nil, "not a whole npz"},
		"web page":          {[]byte("<html>please log in</html>"), "not a whole npz"},
		"zip cut":           {whole[:len(whole)-30], "not a whole npz"},
		"zip cut to half":   {whole[:len(whole)/2], "not a whole npz"},
		"no data":           {npzBytes(t, madeBatch(madeFirst, n, zip.Store)[:2]...), `"data" is missing`},
		"no labels":         {npzBytes(t, madeBatch(madeFirst, n, zip.Store)[2]), `"labels" is missing`},
		"data twice":        {npzBytes(t, append(twice, twice[2])...), "there twice"},
		"more rows":         {npzBytes(t, madeBatch(madeFirst, n+1, zip.Store)...), "at most the 5"},
		"fewer rows":        {npzBytes(t, madeBatch(madeFirst, n-1, zip.Store)...), "11 images, want 12"},
		"no rows":           {npzBytes(t, madeBatch(madeFirst, 0, zip.Store)...), "shape [0 3072]"},
		"billions of rows":  data("'|u1'", "(2000000000, 3072)", "at most the 5"),
		"rows past the end": with("data", npyArray("'|u1'", shape, append(slices.Clone(rows), 1)), "takes 15489 bytes, want 15488"),
		"a byte less":       with("data", npyArray("'|u1'", shape, rows[1:]), "takes 15487 bytes"),
		"floats":            data("'<f4'", fmt.Sprintf("(%d, 768)", n), "'<f4'"),
		"signed bytes":      data("'|i1'", shape, "'|i1'"),
		"pickles":           data("'|O'", shape, "'|O'"),
		"short rows":        data("'|u1'", "(15, 1024)", "shape [15 1024]"),
		"flat":              data("'|u1'", "(15360,)", "shape [15360]"),
		"four dimensions":   data("'|u1'", "(5, 3, 32, 32)", "shape [5 3 32 32]"),
		"Fortran order":     with("data", append(npyHead(npyText("'|u1'", "True", shape)), rows...), "Fortran"),
		"damaged head":      with("data", append(npyHead("{'descr': '|u1'"), rows...), "header is damaged"),
		"no array":          with("data", rows, "NumPy array"),
		"empty array":       with("data", nil, "unexpected EOF"),
		"label 0":           number("'<i8'", "(5,)", label(0), "has 0 in row 3"),
		"label too high":    number("'<i8'", "(5,)", label(4), "has 4 in row 3, but labels go from 1 to 3"),
		"label above 32":    number("'<i8'", "(5,)", label(1, 0, 0, 0, 1), "has 4294967297 in row 3"),
		"negative label":    number("'|i1'", "(5,)", []byte{1, 2, 3, 1, 255}, "has -1 in row 4"),
		"huge label":        number("'<u8'", "(5,)", label(1, 0, 0, 0, 0, 0, 0, 128), "in row 3"),
		"float labels":      number("'<f8'", "(5,)", labels, "'<f8'"),
		"few labels":        number("'<i8'", "(4,)", labels[8:], "shape [4]"),
		"label columns":     number("'<i8'", "(5, 1)", labels, "shape [5 1]"),
		"labels cut":        number("'<i8'", "(5,)", labels[1:], "takes 167 bytes, want 168"),
	}
}

func TestImagenetRefuses(t *testing.T) {
	for name, c := range madeBad(t) {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			second := fillImagenet(t, dir, "Imagenet32_train_npz", "Imagenet32_val_npz", zip.Store)
			if err := os.WriteFile(second, c.file, 0o644); err != nil {
				t.Fatal(err)
			}
			_, _, err := madeImagenet().read(dir)
			wantError(t, err, second, c.word)
		})
	}
}

// Archives whose table of contents lies, or that unpack to far more than they
// take, are refused without memory for what they claim.
func TestImagenetRefusesLies(t *testing.T) {
	const published = 1281167
	honest := npyArray("'|u1'", "(2, 3072)", madeRows(0, 2))
	head := npyHead(npyText("'|u1'", "False", fmt.Sprintf("(%d, 3072)", published)))
	all := uint64(len(head)) + published*cifarPixels
	zeros := npyArray("'|u1'", "(20000, 3072)", make([]byte, 20000*cifarPixels))
	for name, c := range map[string]struct {
		content []byte
		method  uint16
		lie     func(*zip.FileHeader, []byte) []byte
		word    string
	}{
		"values cut": {honest, zip.Store, func(h *zip.FileHeader, packed []byte) []byte {
			h.CompressedSize64 -= 1000
			return packed[:len(packed)-1000]
		}, "unexpected EOF"},
		"deflated values cut": {honest, zip.Deflate, func(h *zip.FileHeader, packed []byte) []byte {
			h.CompressedSize64 -= 1000
			return packed[:len(packed)-1000]
		}, "unexpected EOF"},
		"wrong checksum":  {honest, zip.Deflate, func(h *zip.FileHeader, packed []byte) []byte { h.CRC32++; return packed }, "checksum"},
		"unknown packing": {honest, zip.Store, func(h *zip.FileHeader, packed []byte) []byte { h.Method = 99; return packed }, "algorithm"},
		"more than claimed": {zeros, zip.Deflate, func(h *zip.FileHeader, packed []byte) []byte {
			h.UncompressedSize64 = uint64(len(honest))
			return packed
		}, "takes"},
		"bomb": {zeros, zip.Deflate, func(_ *zip.FileHeader, packed []byte) []byte { return packed }, "more than any photographs"},
		"bomb behind two rows": {append(slices.Clone(honest), make([]byte, 1<<26)...), zip.Deflate, func(h *zip.FileHeader, packed []byte) []byte {
			h.UncompressedSize64 = uint64(len(honest))
			return packed
		}, "not a valid zip"},
		"claims the whole set, unpacked": {head, zip.Store, func(h *zip.FileHeader, packed []byte) []byte {
			h.UncompressedSize64 = all
			return packed
		}, "more than any photographs"},
		"claims the whole set, packed": {head, zip.Store, func(h *zip.FileHeader, packed []byte) []byte {
			h.UncompressedSize64, h.CompressedSize64 = all, all
			return packed
		}, "of a file of"},
	} {
		t.Run(name, func(t *testing.T) {
			members := madeBatch(0, 2, zip.Store)
			members[2].content, members[2].method, members[2].lie = c.content, c.method, c.lie
			file := npzBytes(t, members...)
			var err error
			if got := allocated(func() { _, _, err = readMade(file, published) }); got > 1<<20 {
				t.Errorf("%d bytes allocated for a file of %d", got, len(file))
			}
			wantError(t, err, "the-file", c.word)
		})
	}
}

// ImageNet 32x32 is not downloaded: it is in the cache, or it is said how to get it.
func TestFetchByHand(t *testing.T) {
	cache := filepath.Join(t.TempDir(), "cache")
	_, err := Fetch(context.Background(), "imagenet32", cache, FetchOptions{})
	wantError(t, err, cache, "register at image-net.org", "Imagenet32_train_npz.zip", "Imagenet32_val_npz.zip")
	if _, err := os.Stat(cache); !os.IsNotExist(err) {
		t.Errorf("a folder was made (%v)", err)
	}
	_, err = Fetch(context.Background(), "imagenet32", "", FetchOptions{})
	wantError(t, err, "cache folder")
	want := filepath.Join(cache, "imagenet32")
	fillImagenet(t, want, "Imagenet32_train_npz", "Imagenet32_val_npz", zip.Store)
	if dir, err := Fetch(context.Background(), "imagenet32", cache, FetchOptions{Offline: true}); dir != want || err != nil {
		t.Errorf("%q, %v, want %q", dir, err, want)
	}
}
