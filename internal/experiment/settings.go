package experiment

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/kafisto/kafisto/internal/job"
)

// changed are the settings of a run that are not the program's defaults, without
// those that do not decide what the run is.
func changed(s job.Settings) map[string]string {
	out, defaults := map[string]string{}, job.Defaults().Map()
	for name, value := range s.Map() {
		if value != defaults[name] && !slices.Contains([]string{"seed", "engine", "data-dir", "features"}, name) {
			out[name] = fmt.Sprint(value)
		}
	}
	return out
}

// common are the settings that all runs have.
func common(runs []Finished) map[string]string {
	var all map[string]string
	for _, f := range runs {
		own := changed(f.Settings)
		if all == nil {
			all = own
		}
		maps.DeleteFunc(all, func(name, value string) bool { return own[name] != value })
	}
	return all
}

// settingsText is "epochs=5, width=8", in alphabetical order.
func settingsText(values map[string]string) string {
	var parts []string
	for _, name := range slices.Sorted(maps.Keys(values)) {
		parts = append(parts, name+"="+values[name])
	}
	return strings.Join(parts, ", ")
}

// rowSettings are a row's settings that not all runs of the table have, a column
// after the other.
func (r Result) rowSettings(row int, shared map[string]string) string {
	var parts []string
	for column := range r.Declaration.columns() {
		runs := r.cell(row, column)
		if len(runs) == 0 {
			continue
		}
		own := changed(runs[0].Settings)
		maps.DeleteFunc(own, func(name, value string) bool { return shared[name] == value })
		text := settingsText(own)
		if title := r.Declaration.ColumnTitle(column); title != "" {
			text = title + ": " + text
		}
		if text != "" {
			parts = append(parts, text)
		}
	}
	return strings.Join(parts, "; ")
}
