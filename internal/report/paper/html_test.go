package paper

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/kafisto/kafisto/internal/report"
	"github.com/kafisto/kafisto/internal/runlog"
)

// drawn is a figure of one run whose names are all the given text.
func drawn(t *testing.T, text string) report.Inline {
	t.Helper()
	log := &runlog.Log{}
	for i := range 20 {
		log.Steps = append(log.Steps, runlog.Step{Step: int64(i + 1), Epoch: float64(i+1) / 10, Loss: 1 / float64(i+1)})
	}
	figure, err := report.InlineComposite(
		report.Composite{Name: "figure2", Title: text, Caption: text, Panels: []string{"training-loss", "validation-loss"}, Columns: 2},
		report.Report{Task: text, Scaled: text, Engine: text, Command: text, Runs: []report.Run{{Label: text, Log: log}}})
	if err != nil {
		t.Fatal(err)
	}
	return figure
}

func html(t *testing.T, p Page) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "page.html")
	if err := WriteHTML(path, p); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func TestPageIsSelfContainedAndComplete(t *testing.T) {
	scaled := sample()
	scaled.Scaled = "scaled down: 2 epochs"
	page := html(t, Page{Tables: []Table{sample(), scaled}, Figures: []report.Inline{drawn(t, "Curves")}})
	for _, want := range []string{
		"<title>The paper&#39;s numbers and ours</title>", "<h2>Table 2: decay factor of the velocities</h2>", "CIFAR-100, ResNet-18, 100 epochs",
		`<td class="first paper">34.16</td><td>34.00 ± 1.00 (3)</td><td>-0.16</td>`,
		`<td class="first paper">diverged</td><td>diverged (3)</td><td>agree</td>`,
		"40.00 (1); 2 of 3 diverged", "no data", "in progress (3 of 5 epochs)", "The data is a JPEG copy.",
		"SCALED DOWN: 2 epochs.", ">ours (scaled down)</th>", ">ours</th>", "0123abcd", "v0.2.0", "2 cores, 8 GiB",
		"kafisto reproduce table2", "1, 2, 3", "4 May 2026, 03:02 UTC", `aria-label="Curves"`, "no values", "var(--g0)", "--g0:#0072B2",
	} {
		if !strings.Contains(page, want) {
			t.Errorf("the page lacks %q", want)
		}
	}
	if n := strings.Count(page, "<svg"); n != 1 {
		t.Errorf("%d figures", n)
	}
	if found := regexp.MustCompile(`(?i)https?:|<script|<link|<img|@import|url\(|src=|ZgotmplZ`).FindString(page); found != "" {
		t.Errorf("the page holds %q", found)
	}
}

func TestHostileTextIsEscaped(t *testing.T) {
	const hostile = "<script>alert(1)</script>\x1b[31m\x00\"'&\xff{{.}}|`\n# x"
	table := Table{
		Name: hostile, Title: hostile, Caption: hostile, Scaled: hostile, Keys: []string{hostile}, Measures: []string{hostile},
		Rows:  []Row{{Keys: []string{hostile}, Cells: []Cell{{Missing: hostile}}}, {Keys: []string{"\x00"}, Cells: []Cell{{PaperDiverged: true}}}},
		Notes: []string{hostile, "\x1b"}, Commit: hostile, Version: hostile, Engine: hostile, Machine: hostile, Command: hostile,
	}
	page := html(t, Page{Title: hostile, Tables: []Table{table}, Figures: []report.Inline{drawn(t, hostile)}})
	if strings.Contains(page, "<script") || strings.Contains(page, "ZgotmplZ") || strings.ContainsAny(page, "\x1b\x00") {
		t.Error("the page holds markup from outside")
	}
	plain := text(t, table)
	if strings.ContainsAny(plain, "\x1b\x00") {
		t.Errorf("control characters on the terminal: %q", plain)
	}
	var b strings.Builder
	if err := WriteMarkdown(&b, table); err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(b.String()) {
		if !strings.HasPrefix(line, "    ") && regexp.MustCompile("(^|[^\\\\])[<`]").MatchString(line) {
			t.Errorf("markup from outside in Markdown: %q", line)
		}
	}
	if n := len(regexp.MustCompile(`(?m)^\|([^|\\]|\\.)*(\|([^|\\]|\\.)*){3}\|$`).FindAllString(b.String(), -1)); n != 4 {
		t.Errorf("%d lines of four columns in\n%s", n, b.String())
	}
}

func TestPagesOfFiguresAloneAndOfNothing(t *testing.T) {
	if page := html(t, Page{Title: "Two curves", Figures: []report.Inline{drawn(t, "Curves")}}); !strings.Contains(page, "<title>Two curves</title>") || !strings.Contains(page, "<h2>Curves</h2>") {
		t.Error("a page of figures alone has its title and the figure's")
	}
	path := filepath.Join(t.TempDir(), "page.html")
	if err := WriteHTML(path, Page{}); err == nil || !strings.Contains(err.Error(), "no table") {
		t.Errorf("an empty page: %v", err)
	}
	if err := WriteHTML(filepath.Join(path, "page.html"), Page{Tables: []Table{sample()}}); err == nil || !strings.HasPrefix(err.Error(), "report: ") {
		t.Errorf("no folder: %v", err)
	}
}
