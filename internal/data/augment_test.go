package data

import (
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// renderPlainly is render's twin, pixel by pixel from the definition.
func renderPlainly(mean, std []float32, image []byte, height, width int, v view) []float32 {
	channels := len(mean)
	var out []float32
	for y := range height {
		for x := range width {
			if v.flip {
				x = width - 1 - x
			}
			sy, sx := y+v.dy, x+v.dx
			for c := range channels {
				var pixel byte
				if sy >= 0 && sy < height && sx >= 0 && sx < width {
					pixel = image[(sy*width+sx)*channels+c]
				}
				out = append(out, float32((float64(pixel)-float64(mean[c]))/float64(std[c])))
			}
		}
	}
	return out
}

func TestRenderAgainstTwin(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		height, width := rapid.IntRange(1, 9).Draw(rt, "height"), rapid.IntRange(1, 9).Draw(rt, "width")
		channels := rapid.IntRange(1, 4).Draw(rt, "channels")
		size := height * width * channels
		image := rapid.SliceOfN(rapid.Byte(), size, size).Draw(rt, "image")
		mean := rapid.SliceOfN(rapid.Float32Range(0, 255), channels, channels).Draw(rt, "mean")
		std := rapid.SliceOfN(rapid.Float32Range(1, 255), channels, channels).Draw(rt, "std")
		pad := min(height, width)
		v := view{
			dy:   rapid.IntRange(-pad, pad).Draw(rt, "dy"),
			dx:   rapid.IntRange(-pad, pad).Draw(rt, "dx"),
			flip: rapid.Bool().Draw(rt, "flip"),
		}
		got := make([]float32, size)
		newNormaliser(mean, std).render(got, image, height, width, v)
		if want := renderPlainly(mean, std, image, height, width, v); !slices.Equal(got, want) {
			rt.Fatalf("%+v\n got %v\nwant %v", v, got, want)
		}
	})
}

func TestDraw(t *testing.T) {
	paper := Augmentation{Pad: 4, Flip: true}
	var places [9][9]int
	flips, same := 0, 0
	const draws = 81 * 1000
	for index := range draws {
		v := paper.draw(5, 2, index)
		places[v.dy+4][v.dx+4]++ // an index out of range fails the test
		if v.flip {
			flips++
		}
		if v == paper.draw(5, 3, index) {
			same++
		}
		if v != paper.draw(5, 2, index) {
			t.Fatal("a second draw differs")
		}
	}
	for y, row := range places {
		for x, n := range row {
			if n < 800 || n > 1200 { // 1000 expected, deviation 31
				t.Errorf("crop at (%d, %d) drawn %d times of %d", y, x, n, draws)
			}
		}
	}
	if flips < draws*48/100 || flips > draws*52/100 {
		t.Errorf("%d flips of %d", flips, draws)
	}
	if same > draws/100 { // 1 of 162 expected
		t.Errorf("%d of %d draws are the same in the next epoch", same, draws)
	}
	for index := range 1000 {
		if v := (Augmentation{}).draw(1, 1, index); v != (view{}) {
			t.Fatalf("no augmentation drew %+v", v)
		}
		if v := (Augmentation{Pad: 2}).draw(1, 1, index); v.flip {
			t.Fatal("flipped without Flip")
		}
		if v := (Augmentation{Flip: true}).draw(1, 1, index); v.dx != 0 || v.dy != 0 {
			t.Fatalf("cropped without Pad: %+v", v)
		}
	}
}
