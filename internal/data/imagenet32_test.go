package data

import (
	"archive/zip"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// A made ImageNet 32x32: two training files of 7 and 5 images and one of 3, of
// three classes.
const (
	madeFirst, madeSecond, madeTest = 7, 5, 3
	madeClasses                     = 3
)

func madeImagenet() *dataSet {
	set, err := find("imagenet32")
	if err != nil {
		panic(err)
	}
	made := *set
	made.info.Train, made.info.Test, made.info.Classes = madeFirst+madeSecond, madeTest, madeClasses
	made.load = imagenetLoader(imagenetTrain[:2], imagenetTest)
	return &made
}

// madeByte is the value of a pixel; it looks random, so that it does not deflate.
func madeByte(image, plane, place int) byte {
	return byte(splitmix(uint64(image*cifarPixels + plane*cifarPlane + place)))
}

func madeLabel(image int) int { return 1 + (image+image/4)%madeClasses }

// madeRows makes the values of "data" for images from on.
func madeRows(from, n int) []byte {
	var out []byte
	for image := from; image < from+n; image++ {
		for i := range cifarPixels {
			out = append(out, madeByte(image, i/cifarPlane, i%cifarPlane))
		}
	}
	return out
}

// madeLabels makes the values of "labels" in 8 bytes each.
func madeLabels(from, n int) []byte {
	var out []byte
	for image := from; image < from+n; image++ {
		out = binary.LittleEndian.AppendUint64(out, uint64(madeLabel(image)))
	}
	return out
}

// npzMember is an entry of a zip file that a test makes.
type npzMember struct {
	name    string
	content []byte
	method  uint16
	// lie changes what the table of contents says of the packed content.
	lie func(*zip.FileHeader, []byte) []byte
}

// npzBytes makes a zip file.
func npzBytes(t testing.TB, members ...npzMember) []byte {
	t.Helper()
	var out bytes.Buffer
	archive := zip.NewWriter(&out)
	for _, m := range members {
		if err := addMember(archive, m); err != nil {
			t.Fatal(err)
		}
	}
	if err := archive.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func addMember(archive *zip.Writer, m npzMember) error {
	header := &zip.FileHeader{Name: m.name, Method: m.method}
	if m.lie == nil {
		w, err := archive.CreateHeader(header)
		if err != nil {
			return err
		}
		_, err = w.Write(m.content)
		return err
	}
	// Pack it in an archive of its own, and take it from there as it lies.
	var own bytes.Buffer
	inner := zip.NewWriter(&own)
	if err := errors.Join(addMember(inner, npzMember{name: m.name, content: m.content, method: m.method}), inner.Close()); err != nil {
		return err
	}
	read, err := zip.NewReader(bytes.NewReader(own.Bytes()), int64(own.Len()))
	if err != nil {
		return err
	}
	at, err := read.File[0].DataOffset()
	if err != nil {
		return err
	}
	header = &read.File[0].FileHeader
	packed := m.lie(header, own.Bytes()[at:at+int64(header.CompressedSize64)])
	w, err := archive.CreateRaw(header)
	if err != nil {
		return err
	}
	_, err = w.Write(packed)
	return err
}

// madeBatch has the members of a file, the mean first, as training files do.
func madeBatch(from, n int, method uint16) []npzMember {
	return []npzMember{
		{name: "mean.npy", content: npyArray("'<f8'", "(3072,)", make([]byte, 8*cifarPixels)), method: method},
		{name: "labels.npy", content: npyArray("'<i8'", fmt.Sprintf("(%d,)", n), madeLabels(from, n)), method: method},
		{name: "data.npy", content: npyArray("'|u1'", fmt.Sprintf("(%d, 3072)", n), madeRows(from, n)), method: method},
	}
}

// fillImagenet writes the made set below dir and returns the second file's path.
func fillImagenet(t testing.TB, dir, trainFolder, testFolder string, method uint16) string {
	t.Helper()
	train, test := filepath.Join(dir, trainFolder), filepath.Join(dir, testFolder)
	second := filepath.Join(train, imagenetTrain[1])
	if err := errors.Join(os.MkdirAll(train, 0o755), os.MkdirAll(test, 0o755),
		os.WriteFile(filepath.Join(train, imagenetTrain[0]), npzBytes(t, madeBatch(0, madeFirst, method)...), 0o644),
		os.WriteFile(second, npzBytes(t, madeBatch(madeFirst, madeSecond, method)...), 0o644),
		os.WriteFile(filepath.Join(test, imagenetTest[0]), npzBytes(t, madeBatch(100, madeTest, method)[1:]...), 0o644),
	); err != nil {
		t.Fatal(err)
	}
	return second
}

// checkMade compares images with the made ones from on, pixel by pixel.
func checkMade(t testing.TB, im *Images, from, n int) {
	t.Helper()
	if im.Len() != n || im.Name != "imagenet32" || im.Height != 32 || im.Width != 32 || im.Channels != 3 || im.ClassNames != nil {
		t.Fatalf("%d images %s %dx%dx%d, names %v", im.Len(), im.Name, im.Height, im.Width, im.Channels, im.ClassNames)
	}
	for i := range n {
		if want := madeLabel(from+i) - 1; int(im.Labels[i]) != want {
			t.Errorf("image %d has label %d, want %d", i, im.Labels[i], want)
		}
		for at, got := range im.Image(i) {
			if want := madeByte(from+i, at%3, at/3); got != want {
				t.Fatalf("image %d, byte %d is %d, want %d", i, at, got, want)
			}
		}
	}
}

func TestImagenetIsReadAsPublished(t *testing.T) {
	for _, folders := range [][2]string{{"", ""}, {"Imagenet32_train_npz", "Imagenet32_val_npz"}, {"Imagenet32_train", "Imagenet32_val"}, {"Imagenet32_train_npz", ""}} {
		for _, below := range []string{"", "imagenet32"} {
			for _, method := range []uint16{zip.Store, zip.Deflate} {
				dir := t.TempDir()
				fillImagenet(t, filepath.Join(dir, below), folders[0], folders[1], method)
				train, test, err := madeImagenet().read(dir)
				if err != nil {
					t.Fatalf("folders %q below %q: %v", folders, below, err)
				}
				checkMade(t, train, 0, madeFirst+madeSecond)
				checkMade(t, test, 100, madeTest)
				if cap(train.Pixels) != len(train.Pixels) {
					t.Errorf("memory for %d bytes of pixels, there are %d", cap(train.Pixels), len(train.Pixels))
				}
			}
		}
	}
}

// The images are held once: reading allocates little more than they take.
func TestImagenetIsHeldOnce(t *testing.T) {
	const n = 2000
	dir := t.TempDir()
	fillImagenet(t, dir, "", "", zip.Store)
	for _, method := range []uint16{zip.Store, zip.Deflate} {
		if err := os.WriteFile(filepath.Join(dir, imagenetTrain[1]), npzBytes(t, madeBatch(madeFirst, n, method)...), 0o644); err != nil {
			t.Fatal(err)
		}
		set := madeImagenet()
		set.info.Train = madeFirst + n
		var train *Images
		var err error
		got := allocated(func() { train, _, err = set.read(dir) })
		if err != nil {
			t.Fatal(err)
		}
		if want := uint64(len(train.Pixels)); got > want+1<<20 {
			t.Errorf("%d bytes allocated for images of %d", got, want)
		}
	}
}

// Labels may have any type of whole numbers.
func TestImagenetLabelTypes(t *testing.T) {
	for kind, label := range map[string][]byte{
		"'|u1'": {2}, "'|i1'": {2}, "'<u2'": {2, 0}, "'>i2'": {0, 2}, "'<i4'": {2, 0, 0, 0}, "'>u8'": {0, 0, 0, 0, 0, 0, 0, 2},
	} {
		members := madeBatch(0, 4, zip.Store)
		members[1].content = npyArray(kind, "(4,)", bytes.Repeat(label, 4))
		file := npzBytes(t, members...)
		batch, err := newImagenetBatch(bytes.NewReader(file), int64(len(file)), "f", 4)
		if err != nil {
			t.Fatal(err)
		}
		_, labels, err := batch.read(madeClasses, nil, nil)
		if err != nil || !slices.Equal(labels, []int32{1, 1, 1, 1}) {
			t.Errorf("%s: labels %v, %v, want ones", kind, labels, err)
		}
	}
}

func TestImagenetMissingFiles(t *testing.T) {
	for _, file := range []string{"train_data_batch_1.npz", "train_data_batch_2.npz", "val_data.npz"} {
		dir := t.TempDir()
		fillImagenet(t, dir, "", "", zip.Store)
		os.Remove(filepath.Join(dir, file))
		_, _, err := madeImagenet().read(dir)
		wantError(t, err, file, dir)
		if !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%v is not ErrNotExist", err)
		}
	}
	dir := t.TempDir()
	second := fillImagenet(t, dir, "Imagenet32_train_npz", "", zip.Store)
	if err := errors.Join(os.Remove(second), os.Mkdir(second, 0o755)); err != nil {
		t.Fatal(err)
	}
	_, _, err := madeImagenet().read(dir)
	wantError(t, err, second, "not a regular file")
}

// No cut file and no file with one wrong byte gives images that differ from the
// made ones.
func TestImagenetNoticesDamage(t *testing.T) {
	for _, method := range []uint16{zip.Store, zip.Deflate} {
		file := npzBytes(t, madeBatch(0, 2, method)[1:]...)
		rows, _, err := readMade(file, 2)
		if err != nil {
			t.Fatal(err)
		}
		rapid.Check(t, func(rt *rapid.T) {
			at := rapid.IntRange(0, len(file)-1).Draw(rt, "at")
			if _, _, err := readMade(file[:at], 2); err == nil {
				rt.Fatalf("cut at %d of %d not noticed", at, len(file))
			}
			spoiled := slices.Clone(file)
			spoiled[at] ^= rapid.ByteRange(1, 255).Draw(rt, "change")
			if got, _, err := readMade(spoiled, 2); err == nil && !bytes.Equal(got, rows) {
				rt.Fatalf("a change at %d of %d not noticed", at, len(file))
			}
		})
	}
}

// readMade reads a file of at most limit images.
func readMade(file []byte, limit int) ([]byte, []int32, error) {
	batch, err := newImagenetBatch(bytes.NewReader(file), int64(len(file)), "the-file", limit)
	if err != nil {
		return nil, nil, err
	}
	return batch.read(madeClasses, nil, nil)
}
