package data

import (
	"slices"
	"testing"
)

func TestCanvas(t *testing.T) {
	grey := &Images{Name: "made", Height: 1, Width: 2, Channels: 1, Classes: 2, Pixels: []byte{10, 20, 30, 40}, Labels: []int32{0, 1}}
	on, err := grey.Canvas(4)
	if err != nil {
		t.Fatal(err)
	}
	if on.Height != 4 || on.Width != 4 || on.Channels != 3 || !slices.Equal(on.Labels, grey.Labels) {
		t.Fatalf("%dx%dx%d, labels %v", on.Height, on.Width, on.Channels, on.Labels)
	}
	want := make([]byte, 4*4*3)
	copy(want[(1*4+1)*3:], []byte{30, 30, 30, 40, 40, 40})
	if !slices.Equal(on.Image(1), want) {
		t.Errorf("second image %v", on.Image(1))
	}
	off, err := grey.OffCanvas(on)
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(off.Pixels, grey.Pixels) || off.Height != 1 || off.Width != 2 || off.Channels != 1 {
		t.Errorf("back again: %+v", off)
	}
	on.Image(0)[(1*4+1)*3] = 13 // 13, 10, 10
	if off, err = grey.OffCanvas(on); err != nil || off.Pixels[0] != 11 {
		t.Errorf("the mean of 13, 10 and 10 is %d, %v", off.Pixels[0], err)
	}

	colour := &Images{Name: "made", Height: 2, Width: 2, Channels: 3, Classes: 1, Pixels: []byte{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12}, Labels: []int32{0}}
	same, err := colour.Canvas(2)
	if err != nil || &same.Pixels[0] != &colour.Pixels[0] {
		t.Errorf("a fitting image was copied, %v", err)
	}
	wide, err := colour.Canvas(3)
	if err != nil {
		t.Fatal(err)
	}
	if off, err := colour.OffCanvas(wide); err != nil || !slices.Equal(off.Pixels, colour.Pixels) {
		t.Errorf("back again: %v, %v", off, err)
	}

	if _, err := colour.Canvas(1); err == nil {
		t.Error("images are larger than the canvas")
	}
	if _, err := colour.OffCanvas(grey); err == nil {
		t.Error("grey canvases")
	}
}
