package experiment

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/kafisto/kafisto/internal/alloctest"
)

// tiny is a grid of four runs of under a second, one of which diverges.
const tiny = `{
  "name": "tiny", "title": "Two optimizers", "caption": "a test", "seeds": 1,
  "settings": {"train-examples": 48, "eval-examples": 50, "batch-size": 16, "epochs": 1, "loss-bound": 1000},
  "short": {"epochs": 2}, "short-note": "two epochs",
  "keys": ["optimizer", "rate"], "measures": ["top1-error", "loss"],
  "rows": [
    {"keys": ["SGD", "0.1"], "settings": {"optimizer": "sgd"}, "paper": [1.5, null]},
    {"keys": ["SGD", "1e9"], "settings": {"optimizer": "sgd", "learning-rate": 1e9}, "paper": ["diverge", "diverge"]},
    {"keys": ["none", ""], "settings": {}, "paper": [null, null]}
  ]}`

func parse(t *testing.T, text string) Declaration {
	t.Helper()
	d, err := Parse(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func TestParseRefuses(t *testing.T) {
	parse(t, tiny)
	for _, c := range [][3]string{
		{`"optimizer": "sgd"}, "paper": [1.5`, `"optimiser": "sgd"}, "paper": [1.5`, `row 1 (SGD, 0.1): settings: unknown setting "optimiser"`},
		{`"epochs": 1`, `"epochs": "one"`, "epochs is a string"},
		{`"epochs": 1`, `"epochs": 0`, "epochs is 0"},
		{`"optimizer": "sgd"}, "paper": [1.5`, `"optimizer": "sgt"}, "paper": [1.5`, `unknown optimizer "sgt"`},
		{`"short": {"epochs": 2}`, `"short": {"epoch": 2}`, `unknown setting "epoch"`},
		{`"name": "tiny"`, `"name": "../tiny"`, "name"},
		{`"seeds": 1`, `"seeds": 0`, "seeds is 0"},
		{`"seeds": 1`, `"seeds": 1, "short-seeds": 101`, "short-seeds is 101"},
		{`"measures": ["top1-error", "loss"]`, `"measures": ["accuracy", "loss"]`, `unknown measure "accuracy"`},
		{`"measures": ["top1-error", "loss"]`, `"measures": []`, "no measures"},
		{`"keys": ["optimizer", "rate"]`, `"keys": ["optimizer"]`, "row 1 has 2 keys, the table 1"},
		{`[1.5, null]`, `[1.5]`, "row 1 has 1 of the paper's numbers, the table 2"},
		{`"diverge", "diverge"`, `"diverge", "diverges"`, "not valid"},
		{`[1.5, null]`, `[[1.5, 2, 3], null]`, "a mean with its standard deviation is two numbers"},
		{`"short": {"epochs": 2}`, `"classifier": {"model": "dcgan", "target": "offset:4"}`, "classifier: dcgan on fashion-sample classifies no images"},
		{`"short": {"epochs": 2}`, `"classifier": {"epochs": 0}`, "classifier: settings: epochs is 0"},
		{`"title"`, `"titel"`, "titel"},
		{`}
  ]}`, `}
  ]} {}`, "more after"},
		{`}
  ]}`, `}
  ]`, "cut short"},
	} {
		text := strings.Replace(tiny, c[0], c[1], 1)
		if text == tiny {
			t.Fatalf("%q is not in the declaration", c[0])
		}
		if _, err := Parse(strings.NewReader(text)); err == nil || !strings.Contains(err.Error(), c[2]) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: %v, want one sentence with %q", c[1], err, c[2])
		}
	}
	nothing := strings.NewReplacer(`[1.5, null]`, `[null, null]`, `["diverge", "diverge"]`, `[null, null]`).Replace(tiny)
	if _, err := Parse(strings.NewReader(nothing)); err == nil || !strings.Contains(err.Error(), "has no cells") {
		t.Errorf("a declaration without cells: %v", err)
	}
	if _, err := ByName("table1"); err == nil || !strings.Contains(err.Error(), "table2") {
		t.Errorf("an unknown name: %v", err)
	}
	if _, err := Parse(strings.NewReader(strings.Repeat(" ", maxDeclaration+1))); err == nil || !strings.Contains(err.Error(), "larger") {
		t.Errorf("a large file: %v", err)
	}
}

// FuzzParse checks that whatever is read is a grid whose runs have names that are
// safe as folders, and that what is refused is refused with one sentence.
func FuzzParse(f *testing.F) {
	f.Add(tiny)
	for _, name := range Names() {
		text, err := declared.ReadFile("declarations/" + name + ".json")
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(text))
	}
	f.Fuzz(func(t *testing.T, text string) {
		var d Declaration
		var err error
		alloctest.Within(t, memory(text), func() { d, err = Parse(strings.NewReader(text)) })
		if err != nil {
			if err.Error() == "" || strings.Contains(err.Error(), "\n") {
				t.Fatalf("not one sentence: %q", err)
			}
			return
		}
		cells, err := d.Cells(Short, []int64{1, 2})
		if err != nil {
			t.Fatalf("what was read has no cells: %v", err)
		}
		for _, c := range cells {
			if strings.ContainsAny(c.Folder, "/\\: ") || strings.HasPrefix(c.Folder, ".") || len(c.Folder) > 255 {
				t.Fatalf("%q is no name for a folder", c.Folder)
			}
		}
	})
}

// wide is a declaration of so many rows and columns, whose runs are put together of
// as many layers as may be.
func wide(rows, columns int) string {
	list := func(n int, text string) string {
		return "[" + strings.TrimSuffix(strings.Repeat(text+",", n), ",") + "]"
	}
	layer := `{"epochs": 2, "width": 8, "optimizer": "sgd"}`
	return fmt.Sprintf(`{"name": "wide", "seeds": 1, "keys": ["a"], "measures": ["loss"], "settings": %s, "short": %[1]s, "columns": %s, "rows": %s}`, layer,
		list(columns, `{"settings": `+layer+`, "short": `+layer+`}`),
		list(rows, `{"keys": ["a"], "settings": `+layer+`, "short": `+layer+`, "columns": `+list(columns, layer)+`}`))
}

// TestManyCells: as many as may be are read in bounded memory, more are refused at once.
func TestManyCells(t *testing.T) {
	text := wide(100, 4)
	var d Declaration
	var err error
	alloctest.Within(t, memory(text), func() { d, err = Parse(strings.NewReader(text)) })
	if err != nil || len(d.Rows) != 100 {
		t.Fatalf("%d rows, %v", len(d.Rows), err)
	}
	text = wide(81, 5)
	alloctest.Within(t, 1<<20+256*len(text), func() { _, err = Parse(strings.NewReader(text)) })
	if err == nil || !strings.Contains(err.Error(), "81 rows of 5 columns") {
		t.Errorf("too many cells: %v", err)
	}
}

func TestDefaultSeeds(t *testing.T) {
	for name, want := range map[string][2]int{"table2": {1, 2}, "table7": {3, 2}, "variants": {3, 3}} {
		d := mustByName(t, name)
		if full, short := d.DefaultSeeds(Full), d.DefaultSeeds(Short); len(full) != want[0] || len(short) != want[1] || full[0] != 1 {
			t.Errorf("%s: seeds %v and %v", name, full, short)
		}
	}
}

// memory bounds what reading a declaration may allocate: its text, and the settings of
// every cell in both profiles, each in turn.
func memory(text string) int {
	var d struct{ Rows, Columns []json.RawMessage }
	_ = json.Unmarshal([]byte(text), &d)
	cells := len(d.Rows) * max(1, len(d.Columns))
	if cells > maxCells { // refused before any is looked at
		cells = 0
	}
	return 1<<20 + 256*len(text) + 2*cells*(128<<10+16*len(text))
}
