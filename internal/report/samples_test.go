package report

import (
	"encoding/base64"
	"image/png"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/kafisto/kafisto/internal/data"
	"github.com/kafisto/kafisto/internal/imagegrid"
)

// withGrids writes sample grids of the first run after each of the steps.
func withGrids(t *testing.T, r Report, steps ...int64) Report {
	t.Helper()
	dir := t.TempDir()
	for _, step := range steps {
		im := &data.Images{Name: "made", Height: 2, Width: 2, Channels: 1, Classes: 1, Pixels: make([]byte, 4*64), Labels: make([]int32, 64)}
		im.Pixels[0] = byte(step)
		if err := imagegrid.Write(filepath.Join(dir, imagegrid.Name(step)), im, 8); err != nil {
			t.Fatal(err)
		}
	}
	var err error
	if r.Runs[0].Grids, err = imagegrid.List(dir); err != nil {
		t.Fatal(err)
	}
	return r
}

func TestGANPageShowsSamples(t *testing.T) {
	r := withGrids(t, gans(), 0, 10, 20, 30, 40)
	page := html(t, t.TempDir(), r)
	for _, want := range []string{
		"<h2>Samples</h2>", "Fréchet distance on features of small-cnn (not FID)</h3>", "<h3>Critic&#39;s loss</h3>", "The gradient penalty draws it to 1",
		"The generator&#39;s filter", "The critic&#39;s filter", ">Wasserstein estimate</th>", "Losses of generator and critic are means of the last 50 steps",
	} {
		if !strings.Contains(page, want) {
			t.Errorf("the page lacks %q", want)
		}
	}
	if found := regexp.MustCompile(`(?i)https?:|<script|<link|@import|url\(|ZgotmplZ|top-1|perplexity`).FindString(page); found != "" {
		t.Errorf("the page holds %q", found)
	}
	shown := regexp.MustCompile(`<img src="data:image/png;base64,([^"]*)" alt="Samples of kafisto seed 1 after step (\d+)"`).FindAllStringSubmatch(page, -1)
	if strings.Count(page, "<img") != 3 || len(shown) != 3 {
		t.Fatalf("%d pictures, %d of them as they should be", strings.Count(page, "<img"), len(shown))
	}
	for i, step := range []string{"0", "20", "40"} {
		if shown[i][2] != step || !strings.Contains(page, ">step "+step+"</span>") {
			t.Errorf("picture %d is of step %s, want %s", i, shown[i][2], step)
		}
		text := strings.NewReplacer("&#43;", "+", "&#61;", "=").Replace(shown[i][1])
		picture, err := png.Decode(base64.NewDecoder(base64.StdEncoding, strings.NewReader(text)))
		if err != nil || picture.Bounds().Dx() != 34 {
			t.Errorf("step %s: %v", step, err)
		} else if level, _, _, _ := picture.At(2, 2).RGBA(); level>>8 != uint32(20*i) {
			t.Errorf("step %s is the picture of another step: %d", step, level>>8)
		}
	}
}

func TestSamplesThatCannotBeShown(t *testing.T) {
	r := withGrids(t, gans(), 0, 300)
	grids := r.Runs[0].Grids
	if err := os.WriteFile(grids[0].Path, []byte("no picture"), 0o600); err != nil {
		t.Fatal(err)
	}
	whole, err := os.ReadFile(grids[1].Path)
	if err != nil {
		t.Fatal(err)
	}
	large := append(whole, make([]byte, mostPicture)...)
	if err := os.WriteFile(grids[1].Path, large, 0o600); err != nil {
		t.Fatal(err)
	}
	if page := html(t, t.TempDir(), r); strings.Contains(page, "<img") || !strings.Contains(page, "Pictures not shown: 2.") {
		t.Error("pictures that are none, or too large, are on the page")
	}
	// Of many runs, the last picture of each goes before the others.
	if err := os.WriteFile(grids[1].Path, large[:mostPicture], 0o600); err != nil {
		t.Fatal(err)
	}
	many := gans()
	for range 6 {
		many.Runs = append(many.Runs, many.Runs[0])
	}
	for i := range many.Runs {
		many.Runs[i].Grids = []imagegrid.Grid{{Step: 1, Path: grids[1].Path}, {Step: 300, Path: grids[1].Path}}
	}
	samples, note := samplesOf(make([]pageGroup, 2), many.groups())
	if len(samples) != 8 || !strings.Contains(note, "not shown: 10") {
		t.Fatalf("%d runs, %q", len(samples), note)
	}
	for _, s := range samples {
		if len(s.Grids) != 1 || s.Grids[0].Step != 300 {
			t.Errorf("%s: %d pictures", s.Run, len(s.Grids))
		}
	}
}
