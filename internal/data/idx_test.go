package data

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/kafisto/kafisto/internal/alloctest"
)

func gzipped(t testing.TB, plain []byte) []byte {
	t.Helper()
	var out bytes.Buffer
	gz := gzip.NewWriter(&out)
	gz.Write(plain)
	if err := gz.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func idxBytes(t testing.TB, dims []int, values []byte) []byte {
	t.Helper()
	var out bytes.Buffer
	if err := WriteIDX(&out, dims, values); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func TestIDXRoundTrip(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		dims := rapid.SliceOfN(rapid.IntRange(1, 5), 1, 4).Draw(rt, "dims")
		size := 1
		for _, d := range dims {
			size *= d
		}
		values := rapid.SliceOfN(rapid.Byte(), size, size).Draw(rt, "values")
		file := idxBytes(t, dims, values)
		for _, form := range [][]byte{file, gzipped(t, file)} {
			gotDims, got, err := ReadIDX(bytes.NewReader(form), "f", len(dims), size)
			if err != nil || !slices.Equal(gotDims, dims) || !bytes.Equal(got, values) {
				rt.Fatalf("got %v %v, %v", gotDims, got, err)
			}
			// Every cut and every extra byte is noticed.
			cut := rapid.IntRange(0, len(form)-1).Draw(rt, "cut")
			if _, _, err := ReadIDX(bytes.NewReader(form[:cut]), "f", len(dims), size); err == nil {
				rt.Fatalf("cut at %d of %d not noticed", cut, len(form))
			}
			if _, _, err := ReadIDX(bytes.NewReader(append(slices.Clone(form), 0)), "f", len(dims), size); err == nil {
				rt.Fatal("trailing byte not noticed")
			}
		}
	})
}

func TestIDXBadInput(t *testing.T) {
	good := idxBytes(t, []int{2, 2, 2}, []byte("12345678"))
	spoiled := func(at int, b byte) []byte { c := slices.Clone(good); c[at] = b; return c }
	for name, c := range map[string]struct {
		file []byte
		word string
	}{
		"empty":           {nil, "cut short"},
		"header cut":      {good[:9], "header"},
		"values cut":      {good[:20], "after 4 of 8 values"},
		"trailing":        {append(slices.Clone(good), 1), "goes on"},
		"wrong magic":     {spoiled(0, 'P'), "not an IDX file"},
		"wrong type":      {spoiled(2, 0x0d), "not an IDX file"},
		"wrong rank":      {spoiled(3, 1), "not an IDX file"},
		"zero dimension":  {spoiled(7, 0), "dimension 0 as 0"},
		"huge dimension":  {spoiled(4, 0xff), "dimension 0"},
		"huge product":    {spoiled(15, 200), "dimension 2"},
		"gzip cut":        {gzipped(t, good)[:25], "cut short"},
		"gzip sum cut":    {gzipped(t, good)[:len(gzipped(t, good))-3], "to its end"},
		"gzip header cut": {gzipped(t, good)[:5], "gzip"},
		"gzip trailing":   {append(gzipped(t, good), "junk"...), "to its end"},
		"html":            {[]byte("<html><body>404 not found</body></html>"), "not an IDX file"},
	} {
		t.Run(name, func(t *testing.T) {
			_, _, err := ReadIDX(bytes.NewReader(c.file), "the-file", 3, 100)
			wantError(t, err, "the-file", c.word)
		})
	}
	if err := WriteIDX(&bytes.Buffer{}, []int{3}, []byte{1}); err == nil {
		t.Error("WriteIDX took 1 value for 3")
	}
}

// allocated returns how many bytes f allocates.
func allocated(f func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

// A header may claim gigabytes; memory follows the file's own size.
func TestIDXMemoryIsBoundedByTheFile(t *testing.T) {
	file := idxBytes(t, []int{1, 1, 1}, []byte{9})
	copy(file[4:], []byte{0x10, 0, 0, 0}) // 268 million images
	var err error
	if got := allocated(func() { _, _, err = ReadIDX(bytes.NewReader(file), "liar", 3, 1<<30) }); got > 1<<18 {
		t.Errorf("%d bytes allocated for a file of %d", got, len(file))
	}
	wantError(t, err, "liar", "after 1 of 268435456")
}

func FuzzReadIDX(f *testing.F) {
	good := idxBytes(f, []int{2, 3, 1}, []byte("abcdef"))
	f.Add(good)
	f.Add(gzipped(f, good))
	f.Add(good[:11])
	f.Fuzz(func(t *testing.T, file []byte) {
		var dims []int
		var values []byte
		var err error
		alloctest.Within(t, 4<<20, func() { dims, values, err = ReadIDX(bytes.NewReader(file), "f", 3, 1<<20) })
		if err != nil {
			wantError(t, err)
			return
		}
		if len(dims) != 3 || dims[0]*dims[1]*dims[2] != len(values) {
			t.Fatalf("shape %v for %d values", dims, len(values))
		}
		if back := idxBytes(t, dims, values); file[0] != 0x1f && !bytes.Equal(back, file) {
			t.Fatal("writing what was read gives another file")
		}
	})
}

func TestLoadIDXPair(t *testing.T) {
	info := fashionInfo("fashion-mnist", "Fashion-MNIST", 3, 2, false)
	info.Height, info.Width = 2, 2
	set := &dataSet{info: info, load: loadIDX}
	write := func(dir, name string, content []byte) {
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	fill := func(t *testing.T) string {
		dir := t.TempDir()
		write(dir, "train-images-idx3-ubyte", idxBytes(t, []int{3, 2, 2}, []byte("abcdefghijkl")))
		write(dir, "train-labels-idx1-ubyte.gz", gzipped(t, idxBytes(t, []int{3}, []byte{1, 2, 9})))
		write(dir, "t10k-images-idx3-ubyte.gz", gzipped(t, idxBytes(t, []int{2, 2, 2}, []byte("ABCDEFGH"))))
		write(dir, "t10k-labels-idx1-ubyte", idxBytes(t, []int{2}, []byte{0, 4}))
		return dir
	}
	train, test, err := set.load(set, fill(t))
	if err != nil {
		t.Fatal(err)
	}
	if string(train.Image(1)) != "efgh" || train.Labels[2] != 9 || string(test.Image(0)) != "ABCD" || test.Labels[1] != 4 {
		t.Errorf("wrong content: %+v %+v", train, test)
	}
	for i, c := range []struct {
		file    string
		content []byte
		word    string
	}{
		{"t10k-labels-idx1-ubyte", idxBytes(t, []int{2}, []byte{0, 10}), "label 10"},
		{"t10k-labels-idx1-ubyte", idxBytes(t, []int{1}, []byte{0}), "2 images and 1 labels"},
		{"train-images-idx3-ubyte", idxBytes(t, []int{2, 2, 2}, []byte("abcdefgh")), "2 images and 3 labels"},
		{"train-images-idx3-ubyte", idxBytes(t, []int{3, 1, 4}, []byte("abcdefghijkl")), "images of 1x4"},
		{"train-images-idx3-ubyte", idxBytes(t, []int{4, 2, 2}, []byte("abcdefghijklmnop")), "dimension"},
	} {
		t.Run(fmt.Sprint(i), func(t *testing.T) {
			dir := fill(t)
			write(dir, c.file, c.content)
			_, _, err := set.load(set, dir)
			wantError(t, err, c.word)
		})
	}
}
