package data

import (
	"errors"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// wantError fails unless err is one sentence of this package with the words.
func wantError(t testing.TB, err error, words ...string) {
	t.Helper()
	if err == nil {
		t.Fatalf("no error, want one with %q", words)
	}
	for _, w := range append(words, "data: ") {
		if !strings.Contains(err.Error(), w) {
			t.Errorf("error %q does not contain %q", err, w)
		}
	}
	if strings.Contains(err.Error(), "\n") {
		t.Errorf("error %q has several lines", err)
	}
}

// fakeImages makes n images whose every byte tells its place, with n labels.
func fakeImages(n, height, width, channels int) *Images {
	im := &Images{Name: "fake", Height: height, Width: width, Channels: channels, Classes: 7}
	for i := range n * height * width * channels {
		im.Pixels = append(im.Pixels, byte(i*131+i>>8))
	}
	for i := range n {
		im.Labels = append(im.Labels, int32(i%7))
	}
	return im
}

func TestImagesSlice(t *testing.T) {
	all := fakeImages(10, 2, 3, 1)
	part, err := all.Slice(4, 7)
	if err != nil {
		t.Fatal(err)
	}
	if part.Len() != 3 || !slices.Equal(part.Image(0), all.Image(4)) || part.Labels[2] != all.Labels[6] {
		t.Errorf("wrong part: %+v", part)
	}
	if err := part.Validate(); err != nil {
		t.Error(err)
	}
	first, err := all.Subset(2)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		part *Images
		from int
	}{{part, 4}, {first, 0}} {
		if &c.part.Pixels[0] != &all.Pixels[c.from*6] || &c.part.Labels[0] != &all.Labels[c.from] {
			t.Errorf("the part from %d on is a copy", c.from)
		}
	}
	for _, bad := range [][2]int{{-1, 2}, {0, 11}, {3, 3}, {5, 4}} {
		_, err := all.Slice(bad[0], bad[1])
		wantError(t, err, "fake", "set of 10")
	}
	_, err = all.Subset(0)
	wantError(t, err)
}

func TestImagesValidate(t *testing.T) {
	for name, c := range map[string]struct {
		spoil func(*Images)
		word  string
	}{
		"empty":        {func(im *Images) { im.Labels, im.Pixels = nil, nil }, "empty"},
		"label":        {func(im *Images) { im.Labels[3] = 7 }, "example 3 has label 7"},
		"negative":     {func(im *Images) { im.Labels[0] = -1 }, "label -1"},
		"short pixels": {func(im *Images) { im.Pixels = im.Pixels[1:] }, "do not belong together"},
		"names":        {func(im *Images) { im.ClassNames = []string{"one"} }, "1 class names for 7"},
		"size":         {func(im *Images) { im.Width = 0 }, "not positive"},
		"classes":      {func(im *Images) { im.Classes = 0 }, "0 classes"},
	} {
		im := fakeImages(5, 2, 2, 3)
		if err := im.Validate(); err != nil {
			t.Fatal(err)
		}
		c.spoil(im)
		t.Run(name, func(t *testing.T) { wantError(t, im.Validate(), c.word) })
	}
}

func TestRegistry(t *testing.T) {
	for _, name := range NamesOf(KindImages) {
		info, err := Describe(name)
		if err != nil {
			t.Fatal(err)
		}
		if info.ClassNames != nil && len(info.ClassNames) != info.Classes || len(info.Mean) != info.Channels || len(info.Std) != info.Channels {
			t.Errorf("%s: inconsistent: %+v", name, info)
		}
		if info.Embedded || info.addressable() != nil { // the latter on 32 bits
			continue
		}
		remedy := "fetch the data set"
		if name == "imagenet32" {
			remedy = "register at image-net.org"
		}
		_, _, err = Load(name, "")
		wantError(t, err, name, "folder", remedy)
		_, _, err = Load(name, t.TempDir())
		wantError(t, err, name, remedy)
		if !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s: %v is not ErrNotExist", name, err)
		}
	}
	if fine, _ := Describe("cifar100"); fine.Classes != 100 || !slices.IsSorted(fine.ClassNames) {
		t.Error("CIFAR-100's 100 fine names are not sorted, as the publisher's are")
	}
	if coarse, _ := Describe("cifar100-coarse"); coarse.Classes != 20 {
		t.Errorf("CIFAR-100 has %d coarse names, want 20", coarse.Classes)
	}
	if info, _ := Describe("imagenet32"); info.Train != 1281167 || info.Test != 50000 || info.Classes != 1000 {
		t.Errorf("ImageNet 32x32: %+v", info)
	}
	_, _, err := Load("cifar-10", "x")
	wantError(t, err, `"cifar-10"`, "cifar10")
	_, err = Describe("")
	wantError(t, err)
}

func TestLoadRefusesFolderInPlaceOfFile(t *testing.T) {
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "data_batch_1.bin"), 0o755); err != nil {
		t.Fatal(err)
	}
	_, _, err := Load("cifar10", dir)
	wantError(t, err, "data_batch_1.bin", "not a regular file")
}

// A data set of which a split lacks a class is refused, a part of one is not.
func TestReadWantsEveryClass(t *testing.T) {
	names := []string{"ant", "bee", "cat"}
	part := func(labels ...int32) *Images {
		return &Images{Name: "fake", Height: 1, Width: 1, Channels: 1, Classes: 3, ClassNames: names, Pixels: make([]byte, len(labels)), Labels: labels}
	}
	for _, c := range []struct {
		train, test *Images
		words       []string
	}{
		{part(2, 0, 1, 1), part(1, 2, 0), nil},
		{part(2, 0, 0, 2), part(1, 2, 0), []string{"class 1 (bee)", "4 training", "the-folder"}},
		{part(2, 0, 1), part(0, 0), []string{"class 1 (bee)", "2 held-out", "the-folder"}},
		{part(1), part(0), []string{"class 0 (ant)", "1 training"}},
	} {
		set := &dataSet{
			info: Info{Name: "fake", Height: 1, Width: 1, Channels: 1, Train: 4, Test: 3, Embedded: true},
			load: func(*dataSet, string) (*Images, *Images, error) { return c.train, c.test, nil },
		}
		train, test, err := set.read("the-folder")
		if c.words != nil {
			wantError(t, err, c.words...)
		} else if err != nil || train != c.train || test != c.test {
			t.Errorf("every class is there: %v", err)
		}
	}
	unnamed := part(0, 2)
	unnamed.ClassNames = nil
	wantError(t, unnamed.everyClass("training", "x"), "no image of class 1 among the 2 training")
	whole := part(2, 0, 1, 1)
	few, err := whole.Subset(1)
	if err != nil {
		t.Fatal(err)
	}
	mustLoader(t, few, LoaderConfig{BatchSize: 1})
}

// ImageNet 32x32 is too much for 32 bits; what is too much for 64 is refused there.
func TestReadRefusesWhatCannotBeAddressed(t *testing.T) {
	imagenet, err := Describe("imagenet32")
	if err != nil {
		t.Fatal(err)
	}
	if err := imagenet.addressable(); strconv.IntSize == 64 && err != nil {
		t.Error(err)
	} else if strconv.IntSize == 32 {
		wantError(t, err, "imagenet32", "3072 bytes", "32-bit")
	}
	set := &dataSet{info: Info{Name: "vast", Height: 32, Width: 32, Channels: 3, Train: 1, Test: math.MaxInt/3072 + 1, Embedded: true}}
	_, _, err = set.read("")
	wantError(t, err, "vast", "-bit program")
	set.info.Test--
	if err := set.info.addressable(); err != nil {
		t.Error(err)
	}
}
