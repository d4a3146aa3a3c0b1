package report

import (
	"bytes"
	"encoding/xml"
	"errors"
	"image/png"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/kafisto/kafisto/internal/runlog"
)

// imageFigures are those of runs that classify images.
const imageFigures = 9

// html is the page of the report.
func html(t interface {
	Helper()
	Fatal(...any)
}, dir string, r Report) string {
	t.Helper()
	path := filepath.Join(dir, "report.html")
	if err := WriteHTML(path, r); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// wellFormed reports the first error of an XML text.
func wellFormed(text string) error {
	d := xml.NewDecoder(strings.NewReader(text))
	for {
		if _, err := d.Token(); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
	}
}

func TestPageIsSelfContainedAndComplete(t *testing.T) {
	page := html(t, t.TempDir(), demo(3))
	for _, want := range []string{
		"<title>KaFiStO, SGD and Adam · Fashion-MNIST sample, small convolutional network</title>",
		"scaled down: 10,000 images, 3 epochs", "0123abcd", "v0.1.0", "xla:cpu", "2 cores, 8 GiB",
		"kafisto compare --task fashion", "kafisto: 1, 2, 3; sgd: 1, 2, 3", "4 May 2026, 03:02 UTC",
		"optimizer.learning_rate", "The same everywhere", "(best)",
	} {
		if !strings.Contains(page, want) {
			t.Errorf("the page lacks %q", want)
		}
	}
	if found := regexp.MustCompile(`(?i)https?:|<script|<link|<img|@import|url\(|src=|ZgotmplZ`).FindString(page); found != "" {
		t.Errorf("the page holds %q", found)
	}
	if n := strings.Count(page, "<svg"); n != imageFigures {
		t.Errorf("%d figures, want %d", n, imageFigures)
	}
	for _, p := range panels(demo(3).groups()) {
		svg, err := renderInline(p)
		if err != nil {
			t.Fatal(err)
		}
		if err := wellFormed(svg); err != nil {
			t.Errorf("%s: %v", p.name, err)
		}
		if found := regexp.MustCompile(`#[0-9A-Fa-f]{6}| id=`).FindString(svg); found != "" {
			t.Errorf("%s: %q in an inlined figure", p.name, found)
		}
	}
}

func TestPageOfThreeLongRunsIsBelowOneMegabyte(t *testing.T) {
	r := demo(1)
	for i := range r.Runs {
		r.Runs[i].Log = fixture(uint64(i), 20000, 3, 0.3)
	}
	if n := len(html(t, t.TempDir(), r)); n > 1<<20 {
		t.Errorf("the page has %d bytes", n)
	}
}

func TestHostileTextIsEscaped(t *testing.T) {
	const hostile = "<script>alert(1)</script>\x1b[31m\x00\"'&\xff\u202e{{.}}"
	log := divergedFixture(5)
	log.End.Message = hostile
	r := Report{
		Title: hostile, Task: hostile, Commit: hostile, Version: hostile, Engine: hostile, Machine: hostile, Command: hostile, Scaled: hostile,
		Runs: []Run{
			{Label: hostile, Group: hostile, Settings: map[string]any{hostile: hostile, "nested": map[string]any{hostile: []string{hostile}}}, Log: log},
			{Label: hostile, Group: hostile + "2", Log: handLog(3, 10)},
		},
	}
	dir := t.TempDir()
	if page := html(t, dir, r); strings.Contains(page, "<script") || strings.Contains(page, "ZgotmplZ") {
		t.Error("the page holds markup from outside")
	}
	paths, err := WriteFigures(dir, r)
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range paths {
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if strings.HasSuffix(path, ".svg") {
			if err := wellFormed(string(data)); err != nil || bytes.Contains(data, []byte("<script")) {
				t.Errorf("%s: %v", path, err)
			}
		}
	}
	var table bytes.Buffer
	if err := WriteTable(&table, r); err != nil || strings.ContainsAny(table.String(), "\x1b\x00\u202e") {
		t.Errorf("control characters in the table: %q, %v", table.String(), err)
	}
}

func TestFigureFiles(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "new", "figures")
	paths, err := WriteFigures(dir, demo(2))
	if err != nil {
		t.Fatal(err)
	}
	entries, err := os.ReadDir(dir)
	if err != nil || len(paths) != 2*imageFigures || len(entries) != len(paths) {
		t.Fatalf("%d paths, %d files, %v", len(paths), len(entries), err)
	}
	for _, path := range paths {
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if strings.HasSuffix(path, ".png") {
			config, err := png.DecodeConfig(bytes.NewReader(data))
			if err != nil || config.Width < 1000 {
				t.Errorf("%s: %+v, %v", path, config, err)
			}
		} else if err := wellFormed(string(data)); err != nil {
			t.Errorf("%s: %v", path, err)
		}
	}
}

func TestSameReportSameBytes(t *testing.T) {
	a, b := t.TempDir(), t.TempDir()
	r := demo(2)
	if html(t, a, r) != html(t, b, demo(2)) {
		t.Error("two pages of one report differ")
	}
	r.Runs = r.Runs[:2]
	first, err := WriteFigures(a, r)
	if err != nil {
		t.Fatal(err)
	}
	second, err := WriteFigures(b, r)
	if err != nil {
		t.Fatal(err)
	}
	for i := range first {
		x, errX := os.ReadFile(first[i])
		y, errY := os.ReadFile(second[i])
		if errX != nil || errY != nil || !bytes.Equal(x, y) {
			t.Errorf("%s differs (%v, %v)", first[i], errX, errY)
		}
	}
}

func TestUnwritablePlaceLeavesNothing(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := WriteHTML(filepath.Join(file, "report.html"), demo(1)); err == nil || !strings.HasPrefix(err.Error(), "report: ") {
		t.Errorf("page: %v", err)
	}
	if paths, err := WriteFigures(filepath.Join(file, "figures"), demo(1)); err == nil || len(paths) != 0 {
		t.Errorf("figures: %v, %v", paths, err)
	}
}

func TestSettingRows(t *testing.T) {
	settings := func(seed, rate any) map[string]any {
		return map[string]any{"seed": seed, "optimizer": map[string]any{"rate": rate}, "batch": 128.0, "none": nil}
	}
	different, common := settingRows([]group{
		{name: "a", runs: []Run{{Settings: settings(1, 0.1)}, {Settings: settings(2, 0.1)}}},
		{name: "b", runs: []Run{{Settings: settings(1, "x")}, {Settings: settings(2, "x")}}},
	})
	if len(different) != 1 || different[0].Name != "optimizer.rate" || different[0].Values[0] != "0.1" || different[0].Values[1] != "x" {
		t.Errorf("different: %+v", different)
	}
	if len(common) != 3 || common[0].Values[0] != "128" || common[1].Values[0] != Dash || common[2].Values[1] != "1, 2" {
		t.Errorf("common: %+v", common)
	}
}

func TestOneStepAndOneEvaluation(t *testing.T) {
	onlyEval := handLog(0, 12)
	r := Report{Runs: []Run{{Label: "step", Log: fixture(1, 1, 3, 0.3)}, {Label: "eval", Log: onlyEval}, {Label: "lost", Log: &runlog.Log{End: &runlog.End{Status: runlog.StatusDiverged}}}}}
	dir := t.TempDir()
	if page := html(t, dir, r); strings.Count(page, "<svg") != imageFigures {
		t.Errorf("%d figures", strings.Count(page, "<svg"))
	}
	if _, err := WriteFigures(dir, r); err != nil {
		t.Error(err)
	}
}

func TestManyGroupsKeepColoursAndFit(t *testing.T) {
	r := Report{}
	for i := range 20 {
		r.Runs = append(r.Runs, Run{Label: strings.Repeat("long name ", 9) + string(rune('a'+i)), Log: handLog(50, 9)})
	}
	rows := legendRows(r.groups(), figureWidth)
	total := 0
	for _, row := range rows {
		width := 0.0
		for _, e := range row {
			width += float64(e.width())
		}
		total += len(row)
		if len(row) > 1 && width > figureWidth {
			t.Errorf("a row of %v points", width)
		}
	}
	if total != 20 {
		t.Errorf("%d of 20 groups in the legend", total)
	}
	if len(dashes(8)) == 0 || len(dashes(16)) == 0 || len(dashes(0)) != 0 {
		t.Error("groups with a repeated colour have dashes")
	}
	html(t, t.TempDir(), r)
}
