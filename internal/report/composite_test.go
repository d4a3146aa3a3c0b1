package report

import (
	"bytes"
	"image/color"
	"image/png"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/kafisto/kafisto/internal/runlog"
	"gonum.org/v1/plot/vg"
)

// figure2 is the paper's second figure.
func figure2() Composite {
	return Composite{
		Name: "figure2", Title: "Figure 2: training curves", Caption: "As in the paper.", Columns: 2,
		Panels: []string{"training-loss", "validation-loss", "validation-error", "filter-learning-rate"},
	}
}

// drawComposite writes the composite and returns its PNG and its SVG.
func drawComposite(t *testing.T, c Composite, r Report) ([]byte, string) {
	t.Helper()
	paths, err := WriteComposite(filepath.Join(t.TempDir(), "new"), c, r)
	if err != nil {
		t.Fatal(err)
	}
	if len(paths) != 2 || filepath.Base(paths[0]) != c.Name+".png" || filepath.Base(paths[1]) != c.Name+".svg" {
		t.Fatalf("paths %v", paths)
	}
	image, err := os.ReadFile(paths[0])
	if err != nil {
		t.Fatal(err)
	}
	svg, err := os.ReadFile(paths[1])
	if err != nil {
		t.Fatal(err)
	}
	return image, string(svg)
}

// svgTexts are the texts in an SVG, in order.
func svgTexts(svg string) []string {
	var texts []string
	for _, m := range regexp.MustCompile(`(?s)<text[^>]*>(.*?)</text>`).FindAllStringSubmatch(svg, -1) {
		texts = append(texts, strings.TrimSpace(m[1]))
	}
	return texts
}

func TestCompositeHasAllPanelsAndOneLegend(t *testing.T) {
	image, svg := drawComposite(t, figure2(), demo(2))
	if err := wellFormed(svg); err != nil {
		t.Error(err)
	}
	count := map[string]int{}
	for _, text := range svgTexts(svg) {
		count[text]++
	}
	for want, n := range map[string]int{
		"Figure 2: training curves": 1, "Fashion-MNIST sample, small convolutional network": 1, "scaled down: 10,000 images, 3 epochs": 1,
		"kafisto (2 seeds)": 1, "sgd (2 seeds)": 1, "adam (2 seeds)": 1, "epoch": 4, "step": 0, "no values": 0,
		"Training loss": 1, "Validation loss": 1, "Validation top-1 error": 1, "KaFiStO&#39;s effective learning rate": 1,
		"loss": 2, "error, %": 1, "learning rate (log scale)": 1,
	} {
		if count[want] != n {
			t.Errorf("%q is there %d times, want %d: %q", want, count[want], n, svgTexts(svg))
		}
	}
	decoded, err := png.Decode(bytes.NewReader(image))
	if err != nil {
		t.Fatal(err)
	}
	if size := decoded.Bounds().Size(); size.X < sheetPixels-8 || size.X > sheetPixels+8 || size.Y < 900 || size.Y > 1150 {
		t.Errorf("size %v", size)
	}
	if got := color.NRGBAModel.Convert(decoded.At(0, 0)); got != rgb(0xff, 0xff, 0xff) {
		t.Errorf("background %v", got)
	}
}

func TestLearningRatePanelHasFiltersOnly(t *testing.T) {
	s, err := newSheet(figure2(), demo(1))
	if err != nil {
		t.Fatal(err)
	}
	if n := len(s.panels[0].curves); n != 3 {
		t.Errorf("training loss has %d curves", n)
	}
	rates := s.panels[3]
	if len(rates.curves) != 1 || rates.curves[0].group != 0 {
		t.Fatalf("learning rates of %+v", rates.curves)
	}
	if p := rates.curves[0].mean[100]; !(p.low < p.y && p.y < p.high) {
		t.Errorf("no band from smallest to largest: %+v", p)
	}
}

func TestSinglePanelOverSteps(t *testing.T) {
	r := demo(1)
	r.Runs = r.Runs[:1]
	r.Scaled = ""
	_, svg := drawComposite(t, Composite{Name: "figure1", Panels: []string{"parameter-variance"}, Columns: 3, Steps: true}, r)
	texts := strings.Join(svgTexts(svg), "\n")
	for _, want := range []string{"figure1", "σx²", "step", "600"} {
		if !strings.Contains(texts, want) {
			t.Errorf("lacks %q: %s", want, texts)
		}
	}
	if strings.Contains(texts, "epoch") || strings.Contains(texts, "scaled") || strings.Contains(texts, "parameter variance") {
		t.Errorf("epochs, a scale, or a second title: %s", texts)
	}
}

func TestPanelWithoutValuesSaysSo(t *testing.T) {
	r := demo(1)
	r.Runs = r.Runs[1:] // no filter
	_, svg := drawComposite(t, figure2(), r)
	if texts := strings.Join(svgTexts(svg), "\n"); strings.Count(texts, "no values") != 1 {
		t.Errorf("texts %s", texts)
	}
}

func TestUndrawableCompositesAreRefused(t *testing.T) {
	change := func(f func(*Composite)) Composite { c := figure2(); f(&c); return c }
	for _, c := range []struct {
		want      string
		composite Composite
		report    Report
	}{
		{`unknown panel "no-such"; there are training-loss, `, change(func(c *Composite) { c.Panels[2] = "no-such" }), demo(1)},
		{"no panels", change(func(c *Composite) { c.Panels = nil }), demo(1)},
		{"plain name", change(func(c *Composite) { c.Name = "../figure" }), demo(1)},
		{"plain name", change(func(c *Composite) { c.Name = "" }), demo(1)},
		{"plain name", change(func(c *Composite) { c.Name = ".." }), demo(1)},
		{"no runs", figure2(), Report{}},
		{"no log", figure2(), Report{Runs: []Run{{Label: "a"}}}},
		{"no values for figure figure2", change(func(c *Composite) { c.Panels = c.Panels[3:] }), Report{Runs: []Run{{Label: "a", Log: handLog(3, 1)}}}},
	} {
		dir := filepath.Join(t.TempDir(), "none")
		paths, err := WriteComposite(dir, c.composite, c.report)
		if err == nil || !strings.HasPrefix(err.Error(), "report: ") || !strings.Contains(err.Error(), c.want) || paths != nil {
			t.Errorf("%s: got %v, %v", c.want, paths, err)
		}
		if _, err := os.Stat(dir); err == nil {
			t.Errorf("%s: something was written", c.want)
		}
		if _, err := InlineComposite(c.composite, c.report); err == nil {
			t.Errorf("%s: drawn for a page", c.want)
		}
	}
}

func TestNonFiniteValuesAreNotDrawnInComposites(t *testing.T) {
	log := fixture(3, 60, 3, 0.3)
	log.Steps[10].Loss, log.Steps[20].Loss = math.NaN(), math.Inf(1)
	log.Evals[0].Loss = math.Inf(-1)
	log.Steps[30].LearningRate = [3]float64{0, 0, math.Inf(1)}
	r := Report{Runs: []Run{{Label: "a", Log: log}}}
	image, svg := drawComposite(t, figure2(), r)
	if _, err := png.Decode(bytes.NewReader(image)); err != nil {
		t.Error(err)
	}
	if found := regexp.MustCompile(`NaN|Inf`).FindString(svg); found != "" {
		t.Errorf("the figure holds %s", found)
	}
	in, err := InlineComposite(figure2(), r)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(in.Dropped, "Values not drawn: 4. ") {
		t.Errorf("dropped: %q", in.Dropped)
	}
	for i := range log.Steps {
		log.Steps[i].Loss = math.NaN()
	}
	if _, err := InlineComposite(Composite{Name: "x", Panels: []string{"training-loss"}}, r); err == nil || !strings.Contains(err.Error(), "no values") {
		t.Errorf("only values that are none: %v", err)
	}
}

func TestInlineCompositeHasThePagesColours(t *testing.T) {
	in, err := InlineComposite(figure2(), demo(2))
	if err != nil {
		t.Fatal(err)
	}
	if err := wellFormed(string(in.SVG)); err != nil {
		t.Error(err)
	}
	if found := regexp.MustCompile(`#[0-9A-Fa-f]{6}| id=|kafisto \(`).FindString(string(in.SVG)); found != "" {
		t.Errorf("%q in an inlined figure", found)
	}
	if len(in.Legend) != 3 || in.Legend[1] != (LegendEntry{"sgd (2 seeds)", "var(--g1)"}) {
		t.Errorf("legend %+v", in.Legend)
	}
	if in.Facts[0] != (Fact{"Scale", "scaled down: 10,000 images, 3 epochs"}) || in.Facts[len(in.Facts)-1] != (Fact{"Made", "4 May 2026, 03:02 UTC"}) || in.Scaled == "" || in.Command == "" {
		t.Errorf("facts %+v", in)
	}
}

func TestWrapKeepsAllTextWithinTheWidth(t *testing.T) {
	text := strings.Repeat("some words of a title ", 9) + strings.Repeat("x", 300)
	lines := wrap(text, labelSize, vg.Points(200))
	if strings.ReplaceAll(strings.Join(lines, ""), " ", "") != strings.ReplaceAll(text, " ", "") || len(lines) < 5 {
		t.Errorf("lines %q", lines)
	}
	for _, line := range lines {
		if w := textStyle(labelSize, inkColour).Width(line); w > vg.Points(200) {
			t.Errorf("%q is %v wide", line, w)
		}
	}
	if wrap(" ", labelSize, 10) != nil {
		t.Error("nothing has no lines")
	}
	_, svg := drawComposite(t, Composite{Name: "x", Title: text, Panels: []string{"training-loss"}}, Report{Task: text, Scaled: text, Runs: []Run{{Label: "<b>", Log: &runlog.Log{Steps: handLog(3).Steps}}}})
	if err := wellFormed(svg); err != nil {
		t.Error(err)
	}
}
