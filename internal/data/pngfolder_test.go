package data

import (
	"bytes"
	"image"
	"image/color"
	"image/png"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// writePNG writes an image into a folder and returns its bytes.
func writePNG(t *testing.T, dir, name string, picture image.Image) []byte {
	t.Helper()
	var file bytes.Buffer
	if err := png.Encode(&file, picture); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, name), file.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	return file.Bytes()
}

func TestReadPNGFolder(t *testing.T) {
	dir := t.TempDir()
	coloured := image.NewNRGBA(image.Rect(0, 0, 2, 1))
	coloured.Set(0, 0, color.NRGBA{1, 2, 3, 255})
	coloured.Set(1, 0, color.NRGBA{200, 100, 50, 7}) // nearly transparent
	writePNG(t, dir, "b.PNG", coloured)
	grey := image.NewGray16(image.Rect(0, 0, 2, 1))
	grey.Set(1, 0, color.Gray16{0x12ff})
	writePNG(t, dir, "a.png", grey)
	if err := os.WriteFile(filepath.Join(dir, "notes.txt"), []byte("no image"), 0o600); err != nil {
		t.Fatal(err)
	}
	images, err := ReadPNGFolder(dir)
	if err != nil {
		t.Fatal(err)
	}
	want := []byte{0, 0, 0, 0x12, 0x12, 0x12, 1, 2, 3, 200, 100, 50}
	if err := images.Validate(); err != nil || images.Len() != 2 || images.Height != 1 || images.Width != 2 || !slices.Equal(images.Pixels, want) {
		t.Errorf("%+v, %v", images, err)
	}
}

func TestReadPNGFolderRefuses(t *testing.T) {
	whole := writePNG(t, t.TempDir(), "a.png", image.NewGray(image.Rect(0, 0, 8, 8)))
	large := bytes.Clone(whole)
	copy(large[16:], "\x00\x0f\xff\xff\x00\x0f\xff\xff") // claims a million pixels each way
	for says, files := range map[string][][]byte{
		"no file *.png": {},
		"not a whole":   {whole[:len(whole)-20]},
		"not a whole P": {large}, // its checksum is another, too
		"same size":     {whole, writePNG(t, t.TempDir(), "b.png", image.NewGray(image.Rect(0, 0, 8, 7)))},
		"at most 4096":  {writePNG(t, t.TempDir(), "c.png", image.NewGray(image.Rect(0, 0, 4097, 1)))},
	} {
		dir := t.TempDir()
		for i, file := range files {
			if err := os.WriteFile(filepath.Join(dir, string(rune('a'+i))+".png"), file, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := ReadPNGFolder(dir); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%v, want an error about %q", err, says)
		}
	}
	if _, err := ReadPNGFolder(filepath.Join(t.TempDir(), "missing")); err == nil {
		t.Error("a missing folder was read")
	}
}
