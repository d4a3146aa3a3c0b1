package paper

import (
	"bytes"
	"encoding/json"
	"math"
	"reflect"
	"strings"
	"testing"
	"time"
)

// readTable turns a table in JSON back into one.
func readTable(t *testing.T, j jsonTable) Table {
	t.Helper()
	created, err := time.Parse(time.RFC3339, j.Created)
	if err != nil {
		t.Fatal(err)
	}
	table := Table{
		Name: j.Name, Title: j.Title, Caption: j.Caption, Scaled: j.Scaled, Keys: j.Keys, Measures: j.Measures, Notes: j.Notes,
		Commit: j.Commit, Version: j.Version, Engine: j.Engine, Machine: j.Machine, Command: j.Command, Seeds: j.Seeds, Created: created,
	}
	for _, row := range j.Rows {
		r := Row{Keys: row.Keys, Runs: row.Runs}
		for _, c := range row.Cells {
			cell := Cell{Paper: c.Paper, PaperDiverged: c.PaperDiverged, Diverged: c.Diverged, Missing: c.Missing}
			if len(c.Ours) > 0 {
				cell.Ours = c.Ours
			}
			r.Cells = append(r.Cells, cell)
		}
		table.Rows = append(table.Rows, r)
	}
	return table
}

func TestJSONRoundTrip(t *testing.T) {
	scaled := sample()
	scaled.Scaled = "scaled down: 1 epoch"
	var b bytes.Buffer
	if err := WriteJSON(&b, sample(), scaled); err != nil {
		t.Fatal(err)
	}
	var document jsonDocument
	d := json.NewDecoder(&b)
	d.DisallowUnknownFields()
	if err := d.Decode(&document); err != nil || document.Type != "tables" || len(document.Tables) != 2 {
		t.Fatalf("%+v, %v", document, err)
	}
	for i, want := range []Table{sample(), scaled} {
		if got := readTable(t, document.Tables[i]); !reflect.DeepEqual(got, want) {
			t.Errorf("table %d:\n%+v\nwant\n%+v", i, got, want)
		}
	}
	if c := document.Tables[0].Rows[0].Cells[0]; *c.Mean != 34 || *c.SD != 1 || math.Abs(*c.Difference+0.16) > 1e-9 {
		t.Errorf("figures: mean %v, sd %v, difference %v", *c.Mean, *c.SD, *c.Difference)
	}
	if c := document.Tables[0].Rows[1].Cells[0]; c.SD != nil || c.Difference != nil {
		t.Error("figures that do not exist are null")
	}
}

func TestJSONNamesStay(t *testing.T) {
	table := Table{Name: "t", Keys: []string{"k"}, Measures: []string{"m"}, Rows: []Row{{Keys: []string{"a"}, Cells: []Cell{{Ours: []float64{math.NaN(), math.Inf(1)}, Paper: ptr(math.NaN())}}}}}
	var b, line bytes.Buffer
	if err := WriteJSON(&b, table); err != nil {
		t.Fatal(err)
	}
	if err := json.Compact(&line, b.Bytes()); err != nil {
		t.Fatal(err)
	}
	same(t, "smallest document", line.String(), `{"type":"tables","tables":[{"name":"t","title":"t","keys":["k"],"measures":["m"],"rows":[{"keys":["a"],"cells":[{"paper":null,"paper_diverged":false,"ours":[],"mean":null,"sd":null,"difference":null,"diverged":0}]}]}]}`)
}

func TestMarkdown(t *testing.T) {
	table := sample()
	table.Scaled, table.Caption, table.Keys[0] = "2 epochs", "a|b <b>*c*</b> `d`", "x|y"
	table.Rows = table.Rows[1:2]
	table.Command = "kafisto reproduce table2 | tee ```\n# no heading"
	var b strings.Builder
	if err := WriteMarkdown(&b, table); err != nil {
		t.Fatal(err)
	}
	same(t, "page", b.String(), "### Table 2: decay factor of the velocities\n\n"+
		"a\\|b \\<b\\>\\*c\\*\\</b\\> \\`d\\`\n\n"+
		"**SCALED DOWN: 2 epochs. Our numbers are not comparable with the paper's.**\n\n"+
		`| x\|y | α | Top-1 error: paper | ours (scaled down) | difference | Top-5 error: paper | ours (scaled down) | difference |
| --- | --- | ---: | ---: | ---: | ---: | ---: | ---: |
| Dynamics | 0.50 | 33.52 | 40.00 (1); 2 of 3 diverged | – | – | 3.00 (1); in progress (3 of 5 epochs) | – |

Ours: mean ± sample standard deviation (number of seeds) over the seeds that did not diverge. Difference: ours minus paper.

The data is a JPEG copy.
`+"\n    kafisto reproduce table2 | tee ```\n    # no heading\n"+`
Scale: 2 epochs. Seeds: 1, 2, 3. Engine: go. Machine: 2 cores, 8 GiB. Version: v0.2.0. Commit: 0123abcd. Made: 4 May 2026, 03:02 UTC.
`)
}

func TestEveryFormatRefusesAndReports(t *testing.T) {
	for name, write := range map[string]func(w *broken, tables ...Table) error{
		"json":     func(w *broken, tables ...Table) error { return WriteJSON(w, tables...) },
		"markdown": func(w *broken, tables ...Table) error { return WriteMarkdown(w, tables...) },
	} {
		if err := write(&broken{}, sample()); err == nil || !strings.Contains(err.Error(), "disk full") {
			t.Errorf("%s: %v", name, err)
		}
		if err := write(&broken{}); err == nil || !strings.Contains(err.Error(), "no table") {
			t.Errorf("%s without tables: %v", name, err)
		}
	}
}

// TestSeveralCommands: each stands on a line of its own.
func TestSeveralCommands(t *testing.T) {
	table := Table{Name: "t", Keys: []string{"k"}, Measures: []string{"m"}, Rows: []Row{{Keys: []string{"a"}, Cells: []Cell{{Ours: []float64{1}}}}},
		Command: "kafisto reproduce a\n\nkafisto reproduce\tb"}
	var b strings.Builder
	if err := WriteMarkdown(&b, table); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(b.String(), "\n    kafisto reproduce a\n    kafisto reproduce b\n") {
		t.Errorf("commands in\n%s", b.String())
	}
}
