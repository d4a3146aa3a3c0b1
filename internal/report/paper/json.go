package paper

import (
	"encoding/json"
	"fmt"
	"io"
	"time"

	"github.com/kafisto/kafisto/internal/report"
)

// jsonDocument is the form of WriteJSON.
type jsonDocument struct {
	Type   string      `json:"type"` // always "tables"
	Tables []jsonTable `json:"tables"`
}

// jsonTable is one table of jsonDocument.
type jsonTable struct {
	Name     string    `json:"name"`
	Title    string    `json:"title"`
	Caption  string    `json:"caption,omitempty"`
	Scaled   string    `json:"scaled,omitempty"` // absent: the paper's full settings
	Keys     []string  `json:"keys"`             // heads of the leading columns
	Measures []string  `json:"measures"`         // heads of the measured columns
	Rows     []jsonRow `json:"rows"`
	Notes    []string  `json:"notes,omitempty"`
	Settings string    `json:"settings,omitempty"` // of all runs
	Seeds    []int64   `json:"seeds,omitempty"`
	Command  string    `json:"command,omitempty"`
	Version  string    `json:"version,omitempty"`
	Commit   string    `json:"commit,omitempty"`
	Engine   string    `json:"engine,omitempty"`
	Machine  string    `json:"machine,omitempty"`
	Created  string    `json:"created,omitempty"` // RFC 3339, UTC
}

// jsonRow is one row of a table.
type jsonRow struct {
	Keys  []string   `json:"keys"`  // one a head in the table's keys
	Cells []jsonCell `json:"cells"` // one a head in the table's measures
	Runs  []string   `json:"runs,omitempty"`

	Settings string `json:"settings,omitempty"` // the row's own
}

// jsonCell is one measure of a row. A number that does not exist is null.
type jsonCell struct {
	Paper         *float64  `json:"paper"`
	PaperSD       *float64  `json:"paper_sd,omitempty"`
	PaperDiverged bool      `json:"paper_diverged"`
	Ours          []float64 `json:"ours"`              // one value a seed that finished
	Mean          *float64  `json:"mean"`              // of ours
	SD            *float64  `json:"sd"`                // sample standard deviation of ours
	Difference    *float64  `json:"difference"`        // mean minus paper; null also if a seed diverged
	Diverged      int       `json:"diverged"`          // seeds
	Missing       string    `json:"missing,omitempty"` // why values lack
}

// WriteJSON writes the tables as one indented JSON object of type "tables",
// with every value behind the means. Texts are as given and keys are never
// left blank. Values that are not finite are left out.
func WriteJSON(w io.Writer, tables ...Table) error {
	if err := check(tables); err != nil {
		return err
	}
	document := jsonDocument{Type: "tables"}
	for _, t := range tables {
		document.Tables = append(document.Tables, newJSONTable(t))
	}
	data, err := json.MarshalIndent(document, "", "  ")
	if err != nil {
		return fmt.Errorf("report: a table cannot be written as JSON: %w", err)
	}
	if _, err := w.Write(append(data, '\n')); err != nil {
		return fmt.Errorf("report: writing the tables: %w", err)
	}
	return nil
}

func newJSONTable(t Table) jsonTable {
	out := jsonTable{
		Name: t.Name, Title: t.title(), Caption: t.Caption, Scaled: t.Scaled, Keys: t.Keys, Measures: t.Measures,
		Notes: t.Notes, Settings: t.Settings, Seeds: t.Seeds, Command: t.Command, Version: t.Version, Commit: t.Commit, Engine: t.Engine, Machine: t.Machine,
	}
	if !t.Created.IsZero() {
		out.Created = t.Created.UTC().Format(time.RFC3339)
	}
	for _, row := range t.Rows {
		r := jsonRow{Keys: row.Keys, Runs: row.Runs, Settings: row.Settings}
		for _, c := range row.Cells {
			r.Cells = append(r.Cells, newJSONCell(c))
		}
		out.Rows = append(out.Rows, r)
	}
	return out
}

func newJSONCell(c Cell) jsonCell {
	out := jsonCell{
		PaperDiverged: c.PaperDiverged, Ours: []float64{}, Mean: report.OrNull(c.Mean()), SD: report.OrNull(c.SD()),
		Difference: report.OrNull(c.Difference()), Diverged: c.Diverged, Missing: c.Missing,
	}
	if c.Paper != nil {
		out.Paper = report.OrNull(*c.Paper)
	}
	if c.PaperSD != nil {
		out.PaperSD = report.OrNull(*c.PaperSD)
	}
	for _, v := range c.Ours {
		if report.OrNull(v) != nil {
			out.Ours = append(out.Ours, v)
		}
	}
	return out
}
