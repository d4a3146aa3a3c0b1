package report

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// settingRow is one setting and its value in each group.
type settingRow struct {
	Name   string
	Values []string
}

// settingRows lists the settings by name: first those in which the groups
// differ, then the common ones. A group whose runs differ, as in the seed,
// shows all its values.
func settingRows(groups []group) (different, common []settingRow) {
	columns := make([]map[string][]string, len(groups))
	names := make(map[string]bool)
	for i, g := range groups {
		columns[i] = make(map[string][]string)
		for _, run := range g.runs {
			flat := make(map[string]string)
			flatten("", run.Settings, flat)
			for name, value := range flat {
				names[name] = true
				if !slices.Contains(columns[i][name], value) {
					columns[i][name] = append(columns[i][name], value)
				}
			}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(names)) {
		row := settingRow{Name: name}
		differs := false
		for _, column := range columns {
			value := Dash
			if values := column[name]; len(values) > 0 {
				value = strings.Join(values, ", ")
			}
			row.Values = append(row.Values, value)
			differs = differs || value != row.Values[0]
		}
		if differs {
			different = append(different, row)
		} else {
			common = append(common, row)
		}
	}
	return different, common
}

// flatten writes the settings into flat, nested ones as "outer.inner".
func flatten(prefix string, settings map[string]any, flat map[string]string) {
	for name, value := range settings {
		name = prefix + CleanText(name)
		if inner, ok := value.(map[string]any); ok && len(inner) > 0 {
			flatten(name+".", inner, flat)
			continue
		}
		flat[name] = settingText(value)
	}
}

// settingText shows a value as a settings file would.
func settingText(value any) string {
	switch v := value.(type) {
	case nil:
		return Dash
	case string:
		return CleanText(v)
	case float64:
		return strconv.FormatFloat(v, 'g', -1, 64)
	case fmt.Stringer:
		return CleanText(v.String())
	}
	data, err := json.Marshal(value)
	if err != nil {
		return CleanText(fmt.Sprint(value))
	}
	return CleanText(string(data))
}
