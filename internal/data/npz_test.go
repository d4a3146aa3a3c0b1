package data

import (
	"archive/zip"
	"bytes"
	"slices"
	"testing"

	"github.com/kafisto/kafisto/internal/alloctest"
)

// readNPZ reads the array "data" of a file, bytes in one dimension, at most limit.
func readNPZ(file []byte, limit int) ([]byte, error) {
	archive, err := openNPZ(bytes.NewReader(file), int64(len(file)), "the-file")
	if err != nil {
		return nil, err
	}
	array, err := archive.array("data")
	if err != nil {
		return nil, err
	}
	if len(array.shape) != 1 || array.shape[0] > limit {
		return nil, array.fail("has shape %d", array.shape)
	}
	out := make([]byte, array.shape[0])
	if err := array.holds(int64(len(out))); err != nil {
		return nil, err
	}
	values, err := array.values()
	if err != nil {
		return nil, err
	}
	defer values.Close()
	if err := values.next(out); err != nil {
		return nil, err
	}
	return out, values.end()
}

func smallNPZ(t testing.TB, method uint16) []byte {
	return npzBytes(t, npzMember{name: "labels.npy", content: npyArray("'<i8'", "(1,)", make([]byte, 8)), method: method},
		npzMember{name: "data.npy", content: npyArray("'|u1'", "(6,)", []byte("abcdef")), method: method})
}

func TestNPZ(t *testing.T) {
	for _, method := range []uint16{zip.Store, zip.Deflate} {
		file := smallNPZ(t, method)
		if got, err := readNPZ(file, 6); string(got) != "abcdef" || err != nil {
			t.Errorf("read %q, %v", got, err)
		}
		for cut := range len(file) {
			if _, err := readNPZ(file[:cut], 6); err == nil {
				t.Errorf("cut at %d of %d not noticed", cut, len(file))
			}
		}
		for at := range file {
			spoiled := slices.Clone(file)
			spoiled[at] ^= 0x55
			if got, err := readNPZ(spoiled, 6); err == nil && string(got) != "abcdef" {
				t.Errorf("a change at %d of %d not noticed: read %q", at, len(file), got)
			}
		}
	}
}

func FuzzNPZ(f *testing.F) {
	f.Add(smallNPZ(f, zip.Store))
	f.Add(smallNPZ(f, zip.Deflate))
	f.Fuzz(func(t *testing.T, file []byte) {
		var got []byte
		var err error
		alloctest.Within(t, 1<<20+64*len(file), func() { got, err = readNPZ(file, 1000) })
		if err != nil {
			wantError(t, err, "the-file")
			return
		}
		if len(got) > 1000 {
			t.Fatalf("%d values", len(got))
		}
	})
}

// FuzzImagenet puts heads and labels into a whole zip file, so that the fuzzer
// gets past its checksums.
func FuzzImagenet(f *testing.F) {
	pixels := madeRows(0, 4)
	f.Add(npyText("'|u1'", "False", "(2, 3072)"), npyText("'<i8'", "False", "(2,)"), madeLabels(0, 2), uint8(2))
	f.Add(npyText("'|u1'", "False", "(1, 3072)"), npyText("'|u1'", "False", "(1,)"), []byte{3}, uint8(1))
	f.Fuzz(func(t *testing.T, data, numbers string, values []byte, rows uint8) {
		if len(data) > 60000 || len(numbers) > 60000 {
			return
		}
		file := npzBytes(t, npzMember{name: "labels.npy", content: append(npyHead(numbers), values...)},
			npzMember{name: "data.npy", content: append(npyHead(data), pixels[:int(rows%5)*cifarPixels]...)})
		var read []byte
		var labels []int32
		var err error
		alloctest.Within(t, 1<<20+64*len(file), func() { read, labels, err = readMade(file, 3) })
		if err != nil {
			wantError(t, err, "the-file")
			return
		}
		if n := len(labels); n < 1 || n > 3 || n != int(rows%5) || len(read) != n*cifarPixels {
			t.Fatalf("%d labels and %d pixels from %d rows", n, len(read), rows%5)
		}
		if slices.ContainsFunc(labels, func(l int32) bool { return l < 0 || l >= madeClasses }) {
			t.Fatalf("labels %v", labels)
		}
	})
}
