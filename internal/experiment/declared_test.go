package experiment

import (
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
)

// paperTables are the numbers printed in the paper, transcribed apart from the
// declarations (testdata/paper.json).
func paperTables(t *testing.T) map[string][][]any {
	t.Helper()
	text, err := os.ReadFile("testdata/paper.json")
	if err != nil {
		t.Fatal(err)
	}
	var all map[string]json.RawMessage
	if err := json.Unmarshal(text, &all); err != nil {
		t.Fatal(err)
	}
	tables := map[string][][]any{}
	for name, raw := range all {
		var table struct{ Rows [][]any }
		if strings.HasPrefix(name, "table") {
			if err := json.Unmarshal(raw, &table); err != nil {
				t.Fatal(err)
			}
			tables[name] = table.Rows
		}
	}
	return tables
}

// text is a printed number as the transcription has it.
func (n Number) text() string {
	switch {
	case n.Diverged:
		return "diverge"
	case n.Value == nil:
		return "<nil>"
	}
	return fmt.Sprint(*n.Value)
}

// TestDeclaredNumbers compares every number of the paper with the transcription.
func TestDeclaredNumbers(t *testing.T) {
	printed := paperTables(t)
	for _, name := range []string{"table2", "table3", "table4", "table5", "table6", "table7", "table9"} {
		d := mustByName(t, name)
		rows := printed[name]
		if len(rows) != len(d.Rows) {
			t.Fatalf("%s: %d rows, the paper has %d", name, len(d.Rows), len(rows))
		}
		for i, row := range d.Rows {
			want := rows[i][len(rows[i])-len(row.Paper):]
			for j, number := range row.Paper {
				if number.text() != fmt.Sprint(want[j]) {
					t.Errorf("%s, row %d, number %d: %s, the paper has %v", name, i+1, j+1, number.text(), want[j])
				}
			}
		}
	}
}

// TestDeclaredSettings checks the settings of every row against the heads of the
// transcription.
func TestDeclaredSettings(t *testing.T) {
	printed := paperTables(t)
	alone := func(name string, row int) map[string]any {
		d := mustByName(t, name)
		s, err := d.resolve(Full, row, 0)
		if err != nil {
			t.Fatal(err)
		}
		if s.Dataset == "cifar100" && (s.Epochs != 100 || s.WeightDecay != 5e-4 || !s.Augment || s.Schedule != "paper-100" || s.Width != 0 || s.TrainExamples != 0) {
			t.Errorf("%s, row %d: settings %+v are not the paper's", name, row+1, s)
		}
		values := s.Map()
		for key, value := range values {
			values[key] = fmt.Sprint(value)
		}
		return values
	}
	is := func(name string, row int, values map[string]any, want map[string]any) {
		t.Helper()
		for key, value := range want {
			if got, there := values[key]; value == nil && there || value != nil && got != fmt.Sprint(value) {
				t.Errorf("%s, row %d: %s is %v, want %v", name, row+1, key, got, value)
			}
		}
	}
	variant := func(name string) map[string]any {
		switch name {
		case "vanilla":
			return map[string]any{"algorithm": "vanilla", "constant-state-noise": nil}
		case "dynamics":
			return map[string]any{"algorithm": "dynamics", "constant-state-noise": 0.01}
		}
		return map[string]any{"algorithm": "dynamics", "constant-state-noise": nil}
	}
	for i, row := range printed["table2"] {
		values := alone("table2", i)
		is("table2", i, values, variant(row[0].(string)))
		if row[0] == "vanilla" {
			is("table2", i, values, map[string]any{"parameter-variance": 0.1})
		} else {
			is("table2", i, values, map[string]any{"velocity-decay": row[1]})
		}
	}
	for i, row := range printed["table3"] {
		values := alone("table3", i)
		is("table3", i, values, variant(row[2].(string)))
		starts := map[string]any{"parameter-variance": nil, "velocity-variance": nil}
		starts[map[any]string{"sigma0^2": "parameter-variance", "sigmax^2": "parameter-variance", "sigmap^2": "velocity-variance"}[row[0]]] = row[1]
		is("table3", i, values, starts)
	}
	for i, row := range printed["table4"] {
		want := map[string]any{"algorithm": row[0], "constant-measurement-noise": nil, "constant-state-noise": nil}
		if row[1] == "constant" {
			want["constant-measurement-noise"] = 1
		}
		if row[2] == "constant" {
			want["constant-state-noise"] = 0.01
		}
		is("table4", i, alone("table4", i), want)
	}
	for i, row := range printed["table5"] {
		is("table5", i, alone("table5", i), map[string]any{"batch-size": row[0], "optimizer": "kafisto"})
	}
	for i, row := range printed["table6"] {
		is("table6", i, alone("table6", i), map[string]any{"initializer": row[0], "optimizer": row[1]})
	}
	for i, row := range printed["table7"] {
		want := map[string]any{"dataset": row[0], "model": row[1], "optimizer": row[2], "epochs": 100, "schedule": "paper-100", "weight-decay": 0.0005}
		if row[0] == "imagenet32" {
			want["weight-decay"] = 0.0001
		}
		is("table7", i, alone("table7", i), want)
		if row[5] == nil {
			continue
		}
		long, err := mustByName(t, "table7").resolve(Full, i, 1)
		if err != nil || long.Epochs != 200 || long.Schedule != fmt.Sprint("paper-200-", row[0]) || long.ScheduleEpochs != 0 {
			t.Errorf("table7, row %d: %d epochs with %s (%v)", i+1, long.Epochs, long.Schedule, err)
		}
	}
}

// TestDeclaredLanguageModels checks the settings of Table 9 in both profiles.
func TestDeclaredLanguageModels(t *testing.T) {
	d := mustByName(t, "table9")
	for i, row := range paperTables(t)["table9"] {
		for column, dataset := range []string{"ptb", "wikitext-2"} {
			s, err := d.resolve(Full, i, column)
			if err != nil || s.Model != row[0] || s.Optimizer != row[1] || s.Dataset != dataset || s.Dropout != 0.65 || s.Width != 0 ||
				s.WeightDecay != 0 || s.Schedule != "constant" || s.TrainExamples != 0 || s.Optimizer == "kafisto" && *s.LearningRate != 1 {
				t.Errorf("row %d, %s: settings %+v (%v)", i+1, dataset, s, err)
			}
		}
		short, err := d.resolve(Short, i, 0)
		if wide := row[0] == "larger-lstm"; err != nil || short.TrainExamples == 0 || short.Epochs != 4 || (short.Width == 400) != wide {
			t.Errorf("row %d scaled down: settings %+v (%v)", i+1, short, err)
		}
	}
	for profile, want := range map[Profile]int{Full: 18, Short: 9} {
		if cells, err := d.Cells(profile, []int64{1}); err != nil || len(cells) != want {
			t.Errorf("%s: %d cells, want %d (%v)", profile, len(cells), want, err)
		}
	}
	if !strings.Contains(strings.Join(d.Notes, " "), "The paper leaves open") {
		t.Errorf("notes %q", d.Notes)
	}
}

// TestDeclaredCells counts: the 38 cells of Table 7, and the runs of Tables 2 to 6
// without those that are the same.
func TestDeclaredCells(t *testing.T) {
	for _, profile := range Profiles() {
		d := mustByName(t, "table7")
		cells, err := d.Cells(profile, []int64{1})
		if err != nil || len(cells) != 38 || len(d.Rows) != 20 {
			t.Errorf("table7, %s: %d cells in %d rows, want 38 in 20 (%v)", profile, len(cells), len(d.Rows), err)
		}
		if second, err := d.resolve(profile, 0, 1); err != nil || second.Schedule != "paper-200-cifar10" {
			t.Errorf("table7, %s: schedule %s (%v)", profile, second.Schedule, err)
		}
		var five []Declaration
		for _, name := range []string{"table2", "table3", "table4", "table5", "table6"} {
			five = append(five, mustByName(t, name))
		}
		grid, err := NewGrid(five, profile, []int64{1, 2})
		if err != nil {
			t.Fatal(err)
		}
		// 7 rows of Table 2, 10 more of Table 3 (five are of Table 2), 3 of Table 4, 3 batch sizes, 8 of Table 6.
		if runs := grid.Runs(); len(runs) != 2*(7+10+3+3+8) || !slices.IsSortedFunc(runs, func(a, b Cell) int { return int(a.Seed - b.Seed) }) {
			t.Errorf("tables 2 to 6, %s: %d runs, want 62, seed by seed", profile, len(runs))
		}
	}
}

// TestShortIsLabelled: whatever is scaled down says so in words.
func TestShortIsLabelled(t *testing.T) {
	for _, name := range Names() {
		d := mustByName(t, name)
		if d.Name != name || d.ShortNote == "" || !strings.HasPrefix(d.Scaled(Short), "scaled down: ") || d.Scaled(Full) != "" {
			t.Errorf("%s: name %s, note %q", name, d.Name, d.ShortNote)
		}
	}
	if got := mustByName(t, "figure2").Figure.Panels; len(got) != 4 {
		t.Errorf("figure 2 has panels %v", got)
	}
}

func mustByName(t *testing.T, name string) Declaration {
	t.Helper()
	d, err := ByName(name)
	if err != nil {
		t.Fatal(err)
	}
	return d
}
