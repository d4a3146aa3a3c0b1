package data

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"pgregory.net/rapid"

	"github.com/kafisto/kafisto/internal/alloctest"
)

// cifarFile makes records whose pixel bytes are all different functions of
// record, plane and place.
func cifarFile(labels ...[]byte) []byte {
	var out []byte
	for n, l := range labels {
		out = append(out, l...)
		for i := range cifarPixels {
			out = append(out, cifarByte(n, i/cifarPlane, i%cifarPlane))
		}
	}
	return out
}

func cifarByte(record, plane, place int) byte {
	return byte(record*101 + plane*57 + place*3 + place>>7)
}

func TestReadCIFARPutsChannelsLast(t *testing.T) {
	check := func(t *testing.T, pixels []byte, labels []int32, err error, want ...int32) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		if fmt.Sprint(labels) != fmt.Sprint(want) {
			t.Errorf("labels %v, want %v", labels, want)
		}
		for n := range labels {
			for i := range cifarPixels {
				if got, want := pixels[n*cifarPixels+i], cifarByte(n, i%3, i/3); got != want {
					t.Fatalf("record %d, byte %d is %d, want %d", n, i, got, want)
				}
			}
		}
	}
	pixels, labels, err := ReadCIFAR10(bytes.NewReader(cifarFile([]byte{3}, []byte{9})), "f", 2)
	check(t, pixels, labels, err, 3, 9)
	hundred := cifarFile([]byte{19, 99}, []byte{0, 5})
	pixels, labels, err = ReadCIFAR100(bytes.NewReader(hundred), "f", 2, true)
	check(t, pixels, labels, err, 99, 5)
	pixels, labels, err = ReadCIFAR100(bytes.NewReader(hundred), "f", 2, false)
	check(t, pixels, labels, err, 19, 0)
}

func TestReadCIFARBadInput(t *testing.T) {
	two := cifarFile([]byte{3}, []byte{9})
	for name, c := range map[string]struct {
		file []byte
		word string
	}{
		"empty":        {nil, "empty"},
		"cut":          {two[:len(two)-1], "inside record 1"},
		"trailing":     {append(bytes.Clone(two), 1), "inside record 2"},
		"too many":     {cifarFile([]byte{1}, []byte{1}, []byte{1}), "more than the 2 records"},
		"label":        {cifarFile([]byte{0}, []byte{10}), "record 1 has label 10"},
		"100's layout": {cifarFile([]byte{19, 99}), "label 19"},
	} {
		t.Run(name, func(t *testing.T) {
			_, _, err := ReadCIFAR10(bytes.NewReader(c.file), "the-file", 2)
			wantError(t, err, "the-file", c.word)
		})
	}
	for _, l := range [][]byte{{20, 0}, {0, 100}} {
		for _, fine := range []bool{false, true} {
			_, _, err := ReadCIFAR100(bytes.NewReader(cifarFile(l)), "the-file", 2, fine)
			wantError(t, err, "label")
		}
	}
}

func TestReadCIFARNoticesEveryCut(t *testing.T) {
	file := cifarFile([]byte{3, 4}, []byte{9, 8})
	rapid.Check(t, func(rt *rapid.T) {
		cut := rapid.IntRange(0, len(file)-1).Draw(rt, "cut")
		_, labels, err := ReadCIFAR100(bytes.NewReader(file[:cut]), "f", 2, true)
		if whole := cut == len(file)/2; whole != (err == nil) {
			rt.Fatalf("cut at %d: %d labels, %v", cut, len(labels), err)
		}
	})
}

func fuzzCIFAR(f *testing.F, layout cifarLayout) {
	label := make([]byte, len(layout.bounds))
	f.Add(cifarFile(label))
	f.Add(cifarFile(label, label)[:4000])
	f.Add([]byte{200})
	f.Fuzz(func(t *testing.T, file []byte) {
		var pixels []byte
		var labels []int32
		var err error
		alloctest.Within(t, 1<<20+8*len(file), func() { pixels, labels, err = layout.read(bytes.NewReader(file), "f", 3, nil, nil) })
		if err != nil {
			wantError(t, err)
			return
		}
		if len(file) != len(labels)*layout.record() || len(pixels) != len(labels)*cifarPixels {
			t.Fatalf("%d labels and %d pixels from %d bytes", len(labels), len(pixels), len(file))
		}
		im := Images{Height: 32, Width: 32, Channels: 3, Classes: layout.bounds[layout.use], Pixels: pixels, Labels: labels}
		if err := im.Validate(); err != nil {
			t.Fatal(err)
		}
	})
}

func FuzzReadCIFAR10(f *testing.F)        { fuzzCIFAR(f, cifar10Layout) }
func FuzzReadCIFAR100(f *testing.F)       { fuzzCIFAR(f, cifar100FineLayout) }
func FuzzReadCIFAR100Coarse(f *testing.F) { fuzzCIFAR(f, cifar100CoarseLayout) }

func TestLoadCIFARChecksEveryFile(t *testing.T) {
	info := cifarInfo("cifar10", "CIFAR-10", cifar10Names, cifar10Mean, cifar10Std)
	info.Train, info.Test = 4, 1
	set := &dataSet{info: info, load: cifarLoader(cifar10Layout, []string{"a.bin", "b.bin"}, []string{"c.bin"})}
	fill := func() string {
		dir := t.TempDir()
		for name, labels := range map[string][][]byte{"a.bin": {{1}, {2}}, "b.bin": {{3}, {4}}, "c.bin": {{5}}} {
			if err := os.WriteFile(filepath.Join(dir, name), cifarFile(labels...), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		return dir
	}
	train, test, err := set.load(set, fill())
	if err != nil {
		t.Fatal(err)
	}
	if fmt.Sprint(train.Labels, test.Labels) != "[1 2 3 4] [5]" || train.Image(2)[1] != cifarByte(0, 1, 0) {
		t.Errorf("wrong content: %v %v", train.Labels, test.Labels)
	}
	// Half a file is whole records, so only its size tells.
	for _, size := range []int64{3073, 3 * 3073, 0, 100} {
		dir := fill()
		path := filepath.Join(dir, "b.bin")
		if err := os.Truncate(path, size); err != nil {
			t.Fatal(err)
		}
		_, _, err = set.load(set, dir)
		wantError(t, err, path, fmt.Sprint(size), "6146")
	}
	dir := fill()
	os.Remove(filepath.Join(dir, "c.bin"))
	_, _, err = set.load(set, dir)
	wantError(t, err, "c.bin")
}

// CIFAR-100 as it is registered, with files of a few records: the label asked
// for, and no file of another length.
func TestLoadCIFAR100(t *testing.T) {
	fill := func() string {
		dir := t.TempDir()
		for name, labels := range map[string][][]byte{"train.bin": {{19, 3}, {0, 99}, {7, 50}}, "test.bin": {{4, 0}, {18, 98}}} {
			if err := os.WriteFile(filepath.Join(dir, name), cifarFile(labels...), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		return dir
	}
	for name, want := range map[string]string{"cifar100": "[3 99 50] [0 98]", "cifar100-coarse": "[19 0 7] [4 18]"} {
		registered, err := find(name)
		if err != nil {
			t.Fatal(err)
		}
		set := *registered
		set.info.Train, set.info.Test = 3, 2
		train, test, err := set.load(&set, fill())
		if err != nil {
			t.Fatal(err)
		}
		if got := fmt.Sprint(train.Labels, test.Labels); got != want {
			t.Errorf("%s: labels %s, want %s", name, got, want)
		}
		for _, im := range []*Images{train, test} {
			for at, got := range im.Image(1) {
				if want := cifarByte(1, at%3, at/3); got != want {
					t.Fatalf("%s: byte %d of image 1 is %d, want %d", name, at, got, want)
				}
			}
		}
		for file, whole := range map[string]int64{"train.bin": 3 * 3074, "test.bin": 2 * 3074} {
			for _, size := range []int64{0, 3074, whole - 1, whole + 1, whole + 3074} {
				dir := fill()
				path := filepath.Join(dir, file)
				if err := os.Truncate(path, size); err != nil {
					t.Fatal(err)
				}
				_, _, err = set.load(&set, dir)
				wantError(t, err, path, fmt.Sprintf("%d bytes, want %d", size, whole))
			}
		}
		// Three of a hundred classes are no CIFAR-100.
		_, _, err = set.read(fill())
		wantError(t, err, "training", "no image of class "+map[string]string{"cifar100": "0 (apple)", "cifar100-coarse": "1 (fish)"}[name])
	}
}
