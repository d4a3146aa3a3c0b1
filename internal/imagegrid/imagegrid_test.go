package imagegrid

import (
	"bytes"
	"image"
	"image/color"
	"image/png"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/kafisto/kafisto/internal/data"
)

// made are n images of 3x4 pixels, every byte different as far as bytes go.
func made(n, channels int) *data.Images {
	im := &data.Images{Name: "made", Height: 3, Width: 4, Channels: channels, Classes: 1, Labels: make([]int32, n)}
	im.Pixels = make([]byte, n*im.PixelsPerImage())
	for i := range im.Pixels {
		im.Pixels[i] = byte(7 * i)
	}
	return im
}

// mustShow fails unless the picture shows image i with its corner at (x, y).
func mustShow(t *testing.T, picture image.Image, im *data.Images, i, x, y int) {
	t.Helper()
	for row := range im.Height {
		for column := range im.Width {
			p := im.Image(i)[(row*im.Width+column)*im.Channels:]
			want := color.RGBA{p[0], p[0], p[0], 0xff}
			if im.Channels == 3 {
				want = color.RGBA{p[0], p[1], p[2], 0xff}
			}
			if got := color.RGBAModel.Convert(picture.At(x+column, y+row)); got != want {
				t.Fatalf("image %d, row %d, column %d: %v, want %v", i, row, column, got, want)
			}
		}
	}
}

func decode(t *testing.T, path string) image.Image {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	picture, err := png.Decode(f)
	if err != nil {
		t.Fatal(err)
	}
	return picture
}

func TestGridHoldsEveryPixel(t *testing.T) {
	for _, channels := range []int{1, 3} {
		im := made(5, channels)
		path := filepath.Join(t.TempDir(), Name(300))
		if err := Write(path, im, 2); err != nil {
			t.Fatal(err)
		}
		picture := decode(t, path)
		if size := picture.Bounds().Size(); size != (image.Point{2 + 2*6, 2 + 3*5}) {
			t.Fatalf("%d channels: a picture of %v", channels, size)
		}
		if _, isGrey := picture.(*image.Gray); isGrey != (channels == 1) {
			t.Errorf("%d channels: a picture of type %T", channels, picture)
		}
		for i := range im.Len() {
			mustShow(t, picture, im, i, 2+i%2*6, 2+i/2*5)
		}
		for _, at := range []image.Point{{0, 0}, {6, 3}, {7, 7}, {9, 13}} { // margins, and the place of a sixth image
			if got := color.RGBAModel.Convert(picture.At(at.X, at.Y)); got != (color.RGBA{0xff, 0xff, 0xff, 0xff}) {
				t.Errorf("%d channels: %v at %v, want white", channels, got, at)
			}
		}
	}
}

func TestShortRow(t *testing.T) {
	var b bytes.Buffer
	if err := Encode(&b, made(3, 1), 8); err != nil {
		t.Fatal(err)
	}
	if config, err := png.DecodeConfig(&b); err != nil || config.Width != 2+3*6 || config.Height != 2+5 {
		t.Errorf("%+v, %v", config, err)
	}
}

func TestRefused(t *testing.T) {
	none, two, short := made(0, 1), made(2, 2), made(2, 3)
	short.Pixels = short.Pixels[1:]
	for says, c := range map[string]struct {
		images  *data.Images
		columns int
	}{
		"empty": {none, 8}, "2 channels": {two, 8}, "do not belong together": {short, 8}, "0 columns": {made(2, 1), 0},
	} {
		dir := t.TempDir()
		if err := Write(filepath.Join(dir, "a.png"), c.images, c.columns); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%q, want %q in it", err, says)
		}
		if entries, err := os.ReadDir(dir); err != nil || len(entries) != 0 {
			t.Errorf("%s: left %v, %v", says, entries, err)
		}
	}
	if err := WriteFolder(filepath.Join(t.TempDir(), "x"), none); err == nil || !strings.Contains(err.Error(), "empty") {
		t.Errorf("a folder of no images: %v", err)
	}
}

func TestListIgnoresOtherFiles(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{Name(300), Name(0), Name(123456789), Name(20), "step-20.png", "step-00000030.png.tmp", "x.png", "step--0000001.png", ".step-00000040.png"} {
		if err := os.WriteFile(filepath.Join(dir, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Mkdir(filepath.Join(dir, Name(50)), 0o755); err != nil {
		t.Fatal(err)
	}
	grids, err := List(dir)
	if err != nil || len(grids) != 4 {
		t.Fatalf("%v, %v", grids, err)
	}
	for i, step := range []int64{0, 20, 300, 123456789} {
		if grids[i] != (Grid{step, filepath.Join(dir, Name(step))}) {
			t.Errorf("%v, want step %d", grids[i], step)
		}
	}
	if Name(300) != "step-00000300.png" {
		t.Error(Name(300))
	}
	if grids, err := List(filepath.Join(dir, "nothere")); err != nil || grids != nil {
		t.Errorf("no folder: %v, %v", grids, err)
	}
	if _, err := List(filepath.Join(dir, Name(0))); err == nil {
		t.Error("a file was taken for a folder")
	}
}

func TestFolderOfImages(t *testing.T) {
	above := t.TempDir()
	dir, im := filepath.Join(above, "images"), made(3, 3)
	if err := os.Mkdir(dir, 0o755); err != nil { // an empty one is no hindrance
		t.Fatal(err)
	}
	if err := WriteFolder(dir, im); err != nil {
		t.Fatal(err)
	}
	for i, name := range []string{"00000.png", "00001.png", "00002.png"} {
		mustShow(t, decode(t, filepath.Join(dir, name)), im, i, 0, 0)
	}
	if err := WriteFolder(dir, made(2, 1)); err == nil || !strings.Contains(err.Error(), "in the way") {
		t.Errorf("a folder with files: %v", err)
	}
	mustShow(t, decode(t, filepath.Join(dir, "00001.png")), im, 1, 0, 0)
	if entries, err := os.ReadDir(above); err != nil || len(entries) != 1 {
		t.Errorf("%v lie beside the folder, %v", entries, err)
	}
}

// TestFolderKeepsFiles names a file, and a link to an empty folder, for the folder.
func TestFolderKeepsFiles(t *testing.T) {
	above := t.TempDir()
	file, link := filepath.Join(above, "thesis.txt"), filepath.Join(above, "link")
	if err := os.WriteFile(file, []byte("mine"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(t.TempDir(), link); err != nil {
		t.Skip(err)
	}
	for _, path := range []string{file, link} {
		if err := WriteFolder(path, made(1, 1)); err == nil || !strings.Contains(err.Error(), path+" is not a folder") {
			t.Errorf("%s: %v", path, err)
		}
		if err := removeEmpty(path); err == nil { // where it came in the meantime
			t.Errorf("%s was removed", path)
		}
	}
	if got, err := os.ReadFile(file); err != nil || string(got) != "mine" {
		t.Errorf("the file holds %q, %v", got, err)
	}
	if info, err := os.Lstat(link); err != nil || info.Mode().Type() != os.ModeSymlink {
		t.Errorf("the link is now %v, %v", info, err)
	}
	if entries, err := os.ReadDir(above); err != nil || len(entries) != 2 {
		t.Errorf("%v lie beside them, %v", entries, err)
	}
}
