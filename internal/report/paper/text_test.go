package paper

import (
	"bytes"
	"errors"
	"math"
	"strings"
	"testing"
	"time"
)

func ptr(v float64) *float64 { return &v }

// sample is a table with every kind of cell.
func sample() Table {
	return Table{
		Name: "table2", Title: "Table 2: decay factor of the velocities", Caption: "CIFAR-100, ResNet-18, 100 epochs",
		Keys: []string{"KaFiStO variant", "α"}, Measures: []string{"Top-1 error", "Top-5 error"},
		Rows: []Row{
			{Keys: []string{"Vanilla", ""}, Cells: []Cell{{Paper: ptr(34.16), Ours: []float64{33, 34, 35}}, {Paper: ptr(12.02), Ours: []float64{12.02}}}, Runs: []string{"vanilla-1", "vanilla-2"}},
			{Keys: []string{"Dynamics", "0.50"}, Cells: []Cell{{Paper: ptr(33.52), Ours: []float64{40}, Diverged: 2}, {Ours: []float64{3}, Missing: "in progress (3 of 5 epochs)"}}},
			{Keys: []string{"Dynamics", "0.90"}, Cells: []Cell{{Paper: ptr(33.63), Diverged: 1}, {Paper: ptr(12.13), Missing: "no data"}}},
			{Keys: []string{"Dynamics", "0.99"}, Cells: []Cell{{PaperDiverged: true, Diverged: 3}, {PaperDiverged: true, Ours: []float64{9.5}}}},
		},
		Notes:  []string{"The data is a JPEG copy."},
		Commit: "0123abcd", Version: "v0.2.0", Engine: "go", Machine: "2 cores, 8 GiB", Command: "kafisto reproduce table2",
		Seeds: []int64{1, 2, 3}, Created: time.Date(2026, 5, 4, 3, 2, 1, 0, time.UTC),
	}
}

func text(t *testing.T, tables ...Table) string {
	t.Helper()
	var b bytes.Buffer
	if err := WriteText(&b, tables...); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func same(t *testing.T, what, got, want string) {
	t.Helper()
	if got != want {
		t.Errorf("%s:\n%s\nwant:\n%s", what, got, want)
	}
}

func TestTextTable(t *testing.T) {
	same(t, "every kind of cell", text(t, sample()), `Table 2: decay factor of the velocities
CIFAR-100, ResNet-18, 100 epochs

                         Top-1 error                                         Top-5 error
KaFiStO variant  α          paper                        ours  difference       paper                                   ours  difference
Vanilla          –          34.16            34.00 ± 1.00 (3)       -0.16       12.02                              12.02 (1)        0.00
Dynamics         0.50       33.52  40.00 (1); 2 of 3 diverged           –           –  3.00 (1); in progress (3 of 5 epochs)           –
                 0.90       33.63                    diverged    disagree       12.13                                no data           –
                 0.99    diverged                diverged (3)       agree    diverged                               9.50 (1)    disagree

Ours: mean ± sample standard deviation (number of seeds) over the seeds that did not diverge. Difference: ours minus paper. Agree: both diverged; disagree: only one did.
The data is a JPEG copy.
Seeds: 1, 2, 3
`)
}

func TestScaledDownIsLoud(t *testing.T) {
	table := Table{
		Name: "table7", Scaled: "scaled down: 1 epoch", Keys: []string{"method"}, Measures: []string{"Top-1 @100", "Top-5 @100", "Top-1 @200"},
		Rows: []Row{{Keys: []string{"SGD"}, Cells: []Cell{{Paper: ptr(5.6), Ours: []float64{56.5}}, {}, {Paper: ptr(7.53)}}}},
	}
	same(t, "scaled down, in two parts", text(t, table), `table7
SCALED DOWN: 1 epoch. Our numbers are not comparable with the paper's.

          Top-1 @100                               Top-5 @100
method    paper  ours (scaled down)  difference    paper  ours (scaled down)  difference
SGD        5.60               56.50      +50.90        –                   –           –

          Top-1 @200
method    paper  ours (scaled down)  difference
SGD        7.53                   –           –

One seed each: no standard deviation. Difference: ours minus paper.
`)
}

func TestCellFigures(t *testing.T) {
	c := Cell{Paper: ptr(10), Ours: []float64{11, 13, math.NaN()}}
	if c.Mean() != 12 || c.SD() != math.Sqrt2 || c.Difference() != 2 || c.seeds() != 2 {
		t.Errorf("mean %v, sd %v, difference %v, seeds %d", c.Mean(), c.SD(), c.Difference(), c.seeds())
	}
	for _, c := range []Cell{{}, {Paper: ptr(1)}, {Ours: []float64{1}}, {Paper: ptr(1), Ours: []float64{1}, Diverged: 1}} {
		if !math.IsNaN(c.Difference()) {
			t.Errorf("difference of %+v is %v", c, c.Difference())
		}
	}
	if !math.IsNaN(Cell{Ours: []float64{1}}.SD()) || !math.IsNaN(Cell{}.Mean()) {
		t.Error("one value has no deviation, none no mean")
	}
}

// TestPaperDeviation: what the paper prints as a mean with its deviation is shown so.
func TestPaperDeviation(t *testing.T) {
	c := Cell{Paper: ptr(78.21), PaperSD: ptr(15.91), Ours: []float64{70}}
	if text := c.paperText(); text != "78.21 ± 15.91" {
		t.Errorf("the paper's number is %q", text)
	}
	if out := newJSONCell(c); out.PaperSD == nil || *out.PaperSD != 15.91 {
		t.Errorf("as JSON: %+v", out)
	}
}

func TestUnusableTablesAreRefused(t *testing.T) {
	change := func(f func(*Table)) []Table { table := sample(); f(&table); return []Table{table} }
	for want, tables := range map[string][]Table{
		"no table":        nil,
		"neither a title": change(func(t *Table) { t.Name, t.Title = "", "\x00" }),
		"0 rows":          change(func(t *Table) { t.Rows = nil }),
		"1 keys and 2":    change(func(t *Table) { t.Rows[1].Keys = t.Rows[1].Keys[:1] }),
		"2 keys and 1":    change(func(t *Table) { t.Rows[1].Cells = t.Rows[1].Cells[:1] }),
		"-1 diverged":     change(func(t *Table) { t.Rows[1].Cells[0].Diverged = -1 }),
	} {
		if err := WriteText(&bytes.Buffer{}, tables...); err == nil || !strings.HasPrefix(err.Error(), "report: ") || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v", want, err)
		}
	}
	if err := WriteText(broken{}, sample()); err == nil || !strings.Contains(err.Error(), "disk full") {
		t.Errorf("writer: %v", err)
	}
}

type broken struct{}

func (broken) Write([]byte) (int, error) { return 0, errors.New("disk full") }

// TestOursAlone: a table that is none of the paper's has no columns for its numbers.
func TestOursAlone(t *testing.T) {
	table := Table{Name: "variants", Settings: "epochs=2", Scaled: "two epochs", Keys: []string{"variant"}, Measures: []string{"error", "loss"}, Rows: []Row{
		{Keys: []string{"published"}, Cells: []Cell{{Ours: []float64{1, 3}}, {Ours: []float64{0.5}}}},
		{Keys: []string{"paper"}, Cells: []Cell{{Diverged: 2}, {Missing: "not run"}}, Settings: "variant=paper"},
	}}
	var text, mark strings.Builder
	if err := WriteText(&text, table); err != nil {
		t.Fatal(err)
	}
	if err := WriteMarkdown(&mark, table); err != nil {
		t.Fatal(err)
	}
	for _, written := range []string{text.String(), mark.String()} {
		for _, without := range []string{"difference", "Difference", "comparable", "paper "} {
			if strings.Contains(strings.ReplaceAll(strings.ReplaceAll(written, "paper          ", ""), "| paper |", ""), without) {
				t.Errorf("%q stands in:\n%s", without, written)
			}
		}
		for _, wanted := range []string{"2.00 ± 1.41 (2)", "diverged (2)", "not run", "two epochs"} {
			if !strings.Contains(written, wanted) {
				t.Errorf("%q does not stand in:\n%s", wanted, written)
			}
		}
	}
	page := html(t, Page{Tables: []Table{table}})
	for _, wanted := range []string{"Settings of the rows", "paper: variant=paper", "epochs=2", "ours (scaled down)"} {
		if !strings.Contains(page, wanted) {
			t.Errorf("%q does not stand on the page", wanted)
		}
	}
	if strings.Contains(page, ">difference<") || strings.Contains(page, ">paper</th>") {
		t.Error("the page has columns for the paper's numbers")
	}
}
