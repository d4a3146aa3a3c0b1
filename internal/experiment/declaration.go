package experiment

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"

	"github.com/kafisto/kafisto/internal/job"
	"github.com/kafisto/kafisto/internal/report"
)

// Declaration is an experiment: a table or a figure of the paper, or one of the
// user's own. Settings have the names of the command's flags. Those of the
// whole experiment, of a row, of a column and of a row's column are put on top
// of each other in this order; those of a scaled-down experiment come last, in
// the same order.
type Declaration struct {
	Name    string `json:"name"`    // as the command takes it: small letters, digits and dashes
	Title   string `json:"title"`   // one line
	Caption string `json:"caption"` // what all rows have in common, for people
	// Notes are shown below the table, a line each: what the paper leaves open.
	Notes []string `json:"notes"`
	// Seeds are how many seeds (1, 2, ...) the paper's numbers are means of.
	Seeds    int      `json:"seeds"`
	Settings settings `json:"settings"`
	// Classifier are the settings of a run of an image classifier, by whose features
	// the runs, of GANs, measure the Fréchet distance; none for no such run. It is
	// not scaled down, and is done before the others.
	Classifier settings `json:"classifier"`
	// Short are the settings that scale the experiment down to minutes, and
	// ShortNote says so in words.
	Short     settings `json:"short"`
	ShortNote string   `json:"short-note"`
	// ShortSeeds are the seeds of a scaled-down experiment; 0 means 2.
	ShortSeeds int      `json:"short-seeds"`
	Keys       []string `json:"keys"`     // heads of the leading columns, which name a row
	Measures   []string `json:"measures"` // what is measured in each column, see measures
	Columns    []Column `json:"columns"`  // of runs; none means one without a title
	Rows       []Row    `json:"rows"`
	Figure     *Figure  `json:"figure"` // drawn of the runs; nil for none
}

// Column is a run of every row: "100 epochs".
type Column struct {
	Title    string   `json:"title"`
	Settings settings `json:"settings"`
	Short    settings `json:"short"` // in place of Settings where the experiment is scaled down
	// FullOnly leaves the column out where the experiment is scaled down.
	FullOnly bool `json:"full-only"`
}

// Row is a line of a table, or a curve of a figure.
type Row struct {
	Keys     []string   `json:"keys"` // one for each of the declaration's
	Settings settings   `json:"settings"`
	Columns  []settings `json:"columns"` // for each column; none means none of its own
	Short    settings   `json:"short"`   // on top of the others where the experiment is scaled down
	// Paper has the paper's numbers, each column's measures after the other's.
	// A column of nulls is one that the paper does not have: it is not run. None
	// at all means that the paper prints no numbers: all columns are run.
	Paper []Number `json:"paper"`
}

// Figure says how a declaration's runs are drawn: panels named as the report's
// figures, so many beside each other.
type Figure struct {
	Panels  []string `json:"panels"`
	Columns int      `json:"columns"`
	Steps   bool     `json:"steps"` // draw over steps, not epochs
	// Caption is the paper's.
	Caption string `json:"caption"`
}

// settings are a run's settings by flag name, numbers as json.Number.
type settings map[string]any

// Number is a number that the paper prints: a value, a mean with its standard
// deviation, as [78.21, 15.91], "diverge", or null.
type Number struct {
	Value    *float64 // nil for none
	SD       *float64 // nil for none
	Diverged bool
}

// UnmarshalJSON implements json.Unmarshaler.
func (n *Number) UnmarshalJSON(text []byte) error {
	*n = Number{}
	if string(text) == `"diverge"` {
		n.Diverged = true
		return nil
	}
	if bytes.HasPrefix(text, []byte("[")) {
		var pair []float64
		if err := json.Unmarshal(text, &pair); err != nil {
			return err
		}
		if len(pair) != 2 {
			return fmt.Errorf("a number of the paper is %.40s: a mean with its standard deviation is two numbers", text)
		}
		n.Value, n.SD = &pair[0], &pair[1]
		return nil
	}
	return json.Unmarshal(text, &n.Value)
}

// printed tells whether the paper prints something.
func (n Number) printed() bool { return n.Value != nil || n.Diverged }

// Limits of what Parse reads.
const (
	maxDeclaration = 1 << 20 // bytes
	maxRows        = 100
	maxColumns     = 20
	maxCells       = 400 // rows times columns
	maxSeeds       = 100
)

var goodName = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,39}$`)

// Parse reads a declaration, a JSON object. An unknown field or setting, a value
// of the wrong kind, settings that cannot be and rows that do not fit the heads
// are errors of one sentence.
func Parse(r io.Reader) (Declaration, error) {
	text, err := io.ReadAll(io.LimitReader(r, maxDeclaration+1))
	if err != nil {
		return Declaration{}, fmt.Errorf("experiment: %w", err)
	}
	if len(text) > maxDeclaration {
		return Declaration{}, fmt.Errorf("experiment: the declaration is larger than %d bytes: is it one?", maxDeclaration)
	}
	var d Declaration
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.DisallowUnknownFields()
	decoder.UseNumber()
	if err := decoder.Decode(&d); err != nil {
		return Declaration{}, fmt.Errorf("experiment: the declaration is cut short or not valid: %s", strings.TrimPrefix(err.Error(), "json: "))
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return Declaration{}, errors.New("experiment: there is more after the object: a declaration is one JSON object")
	}
	if err := d.check(); err != nil {
		return Declaration{}, err
	}
	for _, profile := range Profiles() {
		if _, err := d.Cells(profile, []int64{1}); err != nil {
			return Declaration{}, err
		}
	}
	_, err = d.classifier()
	return d, err
}

// check reports the first thing that does not fit, settings apart.
func (d Declaration) check() error {
	fail := func(format string, values ...any) error {
		return fmt.Errorf("experiment: %s: %s", cmp.Or(d.Name, "a declaration"), fmt.Sprintf(format, values...))
	}
	switch {
	case !goodName.MatchString(d.Name):
		return fmt.Errorf("experiment: the name %.60q does not do: use small letters, digits and dashes, at most 40", d.Name)
	case d.Seeds < 1 || d.Seeds > maxSeeds:
		return fail("seeds is %d: it must be between 1 and %d", d.Seeds, maxSeeds)
	case d.ShortSeeds < 0 || d.ShortSeeds > maxSeeds:
		return fail("short-seeds is %d: it must be between 0, which means 2, and %d", d.ShortSeeds, maxSeeds)
	case len(d.Rows) == 0 || len(d.Rows) > maxRows:
		return fail("it has %d rows: it must have between 1 and %d", len(d.Rows), maxRows)
	case len(d.Keys) == 0 || len(d.Keys) > maxColumns || len(d.Columns) > maxColumns:
		return fail("it has %d keys and %d columns: it must have at least one key, and at most %d of each", len(d.Keys), len(d.Columns), maxColumns)
	case len(d.Rows)*len(d.columns()) > maxCells:
		return fail("it has %d rows of %d columns: it may have %d runs at most: make two of it", len(d.Rows), len(d.columns()), maxCells)
	case len(d.Measures) == 0:
		return fail("it has no measures: give some of %s", strings.Join(MeasureNames(), ", "))
	}
	if d.Figure != nil {
		if err := d.Composite().Check(); err != nil {
			return fail("its figure: %v", err)
		}
	}
	for _, name := range d.Measures {
		if _, known := measures[name]; !known {
			return fail("unknown measure %q: use some of %s", name, strings.Join(MeasureNames(), ", "))
		}
	}
	for i, row := range d.Rows {
		switch numbers := len(d.columns()) * len(d.Measures); {
		case len(row.Keys) != len(d.Keys):
			return fail("row %d has %d keys, the table %d: give one for each head", i+1, len(row.Keys), len(d.Keys))
		case len(row.Paper) != 0 && len(row.Paper) != numbers:
			return fail("row %d has %d of the paper's numbers, the table %d: give all, null where there is none, or leave them out", i+1, len(row.Paper), numbers)
		case len(row.Columns) != 0 && len(row.Columns) != len(d.columns()):
			return fail("row %d has settings for %d columns, the table has %d: give them for each, {} where there are none", i+1, len(row.Columns), len(d.columns()))
		}
	}
	return nil
}

// columns are the declared ones, or the one that is meant without any.
func (d Declaration) columns() []Column {
	if len(d.Columns) == 0 {
		return []Column{{}}
	}
	return d.Columns
}

// paper are the paper's numbers for a cell, one a measure; nil if the paper
// prints none for the whole row.
func (d Declaration) paper(row, column int) []Number {
	numbers := d.Rows[row].Paper
	if len(numbers) == 0 {
		return nil
	}
	n := len(d.Measures)
	return numbers[column*n : (column+1)*n]
}

// ColumnTitle is the title of a column of runs, "" where there is only one.
func (d Declaration) ColumnTitle(column int) string { return d.columns()[column].Title }

// PaperText are the paper's numbers for a cell, "" where it prints none.
func (d Declaration) PaperText(row, column int) string {
	var parts []string
	for _, n := range d.paper(row, column) {
		switch {
		case n.Diverged:
			parts = append(parts, "diverge")
		case n.Value != nil:
			text := fmt.Sprint(*n.Value)
			if n.SD != nil {
				text += fmt.Sprint(" ± ", *n.SD)
			}
			parts = append(parts, text)
		}
	}
	return strings.Join(parts, " / ")
}

// Composite is the declaration's figure, which it must have.
func (d Declaration) Composite() report.Composite {
	f := d.Figure
	return report.Composite{Name: d.Name, Title: d.Title, Caption: f.Caption, Panels: f.Panels, Columns: f.Columns, Steps: f.Steps}
}

// absent tells of a cell that the paper or the profile does not have.
func (d Declaration) absent(profile Profile, row, column int) bool {
	if profile == Short && d.columns()[column].FullOnly {
		return true
	}
	numbers := d.paper(row, column)
	return numbers != nil && !slices.ContainsFunc(numbers, Number.printed)
}

// resolve puts the settings of a cell together.
func (d Declaration) resolve(profile Profile, row, column int) (job.Settings, error) {
	r, c := d.Rows[row], d.columns()[column]
	layers := []settings{d.Settings, r.Settings, c.Settings}
	if len(r.Columns) > 0 {
		layers = append(layers, r.Columns[column])
	}
	if profile == Short {
		layers = append(layers, d.Short, r.Short, c.Short)
	}
	s, err := merged(layers...)
	if err != nil {
		return s, fmt.Errorf("experiment: %s, row %d (%s): %w", d.Name, row+1, strings.Join(r.Keys, ", "), err)
	}
	return s, nil
}

// merged puts layers of settings on top of each other, and those on the defaults.
func merged(layers ...settings) (job.Settings, error) {
	s := job.Defaults()
	for _, layer := range layers {
		text, err := json.Marshal(layer)
		if err == nil && layer != nil {
			s, err = s.Merge(bytes.NewReader(text))
		}
		if err != nil {
			return s, err
		}
	}
	return s, s.Check()
}
