// Package search looks for good settings: it trains every combination of some
// values (a grid), or settings drawn from lists and ranges (a random search), and
// ranks them. The runs lie in a results folder of package grid, which several
// processes may share and in which a search that was stopped goes on; a search may
// grow there, but not become another one.
package search

import (
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/kafisto/kafisto/internal/job"
)

// Axis is a setting that is searched over: some values, or a range.
type Axis struct {
	Name   string   `json:"name"`             // of the setting
	Values []string `json:"values,omitempty"` // as a flag takes them; none means a range
	Low    float64  `json:"low,omitempty"`    // first value of the range
	High   float64  `json:"high,omitempty"`   // last value of the range, above Low
	Log    bool     `json:"log,omitempty"`    // draw the logarithm uniformly
	Whole  bool     `json:"whole,omitempty"`  // draw whole numbers
}

// outside are the settings that cannot be searched over, and why.
var outside = map[string]string{
	"seed":          "each setting is tried with every seed of --seeds",
	"engine":        "it decides no result",
	"data-dir":      "it decides no result",
	"dataset":       "trials are ranked by the same held-out data",
	"eval-examples": "trials are ranked by the same held-out data",
	"features":      "trials are ranked by the same features",
	"generated":     "trials are ranked by as many generated images",
}

// varying are the settings that may change while a search goes on.
var varying = []string{"seed", "engine", "data-dir"}

// ParseAxis reads NAME=SPEC, where SPEC is a list VALUE,VALUE... of values as the
// setting's flag takes them, or for a number a range LOW..HIGH or log:LOW..HIGH. A
// setting of whole numbers has ranges of whole numbers. A list has at most 1,000
// values. Whether the values make sense is not looked at.
func ParseAxis(text string) (Axis, error) {
	name, spec, ok := strings.Cut(text, "=")
	kind := job.Kind(name)
	switch reason := outside[name]; {
	case !ok || name == "" || spec == "":
		return Axis{}, fmt.Errorf("search: %.60q is not SETTING=VALUES: write SETTING=VALUE,VALUE..., SETTING=LOW..HIGH or SETTING=log:LOW..HIGH", text)
	case kind == reflect.Invalid:
		return Axis{}, fmt.Errorf("search: unknown setting %.60q: settings have the names of flags", name)
	case reason != "":
		return Axis{}, fmt.Errorf("search: %s cannot be searched over: %s", name, reason)
	}
	if number := kind != reflect.String && kind != reflect.Bool; number && strings.Contains(spec, "..") {
		return parseRange(name, spec, kind != reflect.Float64)
	}
	return parseList(name, spec)
}

// maxValues is how many values an axis may list.
const maxValues = 1000

// parseList reads values, each of which a flag would take.
func parseList(name, spec string) (Axis, error) {
	if n := strings.Count(spec, ",") + 1; n > maxValues {
		return Axis{}, fmt.Errorf("search: %s has %d values, at most %d are tried: give fewer, or a range", name, n, maxValues)
	}
	a := Axis{Name: name}
	for value := range strings.SplitSeq(spec, ",") {
		s, err := job.Defaults().Set(map[string]string{name: value})
		if err != nil {
			return Axis{}, fmt.Errorf("search: %w", err)
		}
		same := fmt.Sprint(s.Map()[name])
		if slices.Contains(a.Values, same) {
			return Axis{}, fmt.Errorf("search: %s has the value %.60s twice: give it once", name, same)
		}
		a.Values = append(a.Values, same)
	}
	return a, nil
}

// parseRange reads LOW..HIGH or log:LOW..HIGH.
func parseRange(name, spec string, whole bool) (Axis, error) {
	ends, logarithmic := strings.CutPrefix(spec, "log:")
	low, high, _ := strings.Cut(ends, "..")
	a := Axis{Name: name, Log: logarithmic, Whole: whole}
	for _, end := range []struct {
		text  string
		value *float64
	}{{low, &a.Low}, {high, &a.High}} {
		var err error
		*end.value, err = strconv.ParseFloat(end.text, 64)
		if err != nil || math.IsNaN(*end.value) || math.IsInf(*end.value, 0) || whole && !isWhole(*end.value) {
			return Axis{}, fmt.Errorf("search: %s=%.60s: %.30q is not a number that the setting can have: write %s=LOW..HIGH", name, spec, end.text, name)
		}
	}
	switch {
	case a.Low >= a.High || math.IsInf(a.High-a.Low, 0):
		return Axis{}, fmt.Errorf("search: %s=%.60s: a range goes from a smaller number to a larger one", name, spec)
	case a.Log && a.Low <= 0:
		return Axis{}, fmt.Errorf("search: %s=%.60s: a logarithmic range begins above 0", name, spec)
	}
	return a, nil
}

// isWhole tells of a number that float64 has exactly, with its neighbours.
func isWhole(v float64) bool { return v == math.Trunc(v) && math.Abs(v) < 1<<53 }

// isRange tells that the axis is no list.
func (a Axis) isRange() bool { return len(a.Values) == 0 }

// ends are the ends of a range as a flag takes them; none of a list.
func (a Axis) ends() []string {
	if !a.isRange() {
		return nil
	}
	return []string{number(a.Low), number(a.High)}
}

// text is the axis as ParseAxis reads it, without the name.
func (a Axis) text() string {
	text := strings.Join(a.Values, ",")
	if a.isRange() {
		text = strings.Join(a.ends(), "..")
	}
	if a.Log {
		text = "log:" + text
	}
	return text
}

// draw is the value of trial k of a search: a pure function of the search's seed, k
// and the axis, uniform over the values or the range. Numbers are rounded to five
// digits, which people can read; they stay in their range.
func (a Axis) draw(seed int64, k int) string {
	u := uniform(seed, k, a.Name)
	switch {
	case !a.isRange():
		return a.Values[min(int(u*float64(len(a.Values))), len(a.Values)-1)]
	case a.Whole:
		return number(within(math.Floor(a.at(u, a.High+1)), a.Low, a.High))
	}
	rounded, err := strconv.ParseFloat(strconv.FormatFloat(a.at(u, a.High), 'g', 5, 64), 64)
	if err != nil { // beyond the largest number
		rounded = a.High
	}
	return number(within(rounded, a.Low, a.High))
}

// at is the point between Low (u = 0) and high (u = 1).
func (a Axis) at(u, high float64) float64 {
	if a.Log {
		return math.Exp((1-u)*math.Log(a.Low) + u*math.Log(high))
	}
	return (1-u)*a.Low + u*high
}

func within(v, low, high float64) float64 { return min(max(v, low), high) }

// number is a number as a flag and JSON take it, whole ones without an exponent.
func number(v float64) string {
	if isWhole(v) {
		return strconv.FormatInt(int64(v), 10)
	}
	text, err := json.Marshal(v)
	if err != nil {
		panic(err) // ranges are finite
	}
	return string(text)
}

// uniform is a number in [0, 1): 53 bits of a hash of its arguments, so that a
// draw depends on no other one.
func uniform(seed int64, k int, name string) float64 {
	sum := sha256.Sum256(fmt.Appendf(nil, "%d %d %s", seed, k, name))
	return float64(binary.BigEndian.Uint64(sum[:])>>11) / (1 << 53)
}

// parseSpace reads the axes of a search, each setting once.
func parseSpace(over []string) ([]Axis, error) {
	if len(over) == 0 {
		return nil, errors.New("search: there is nothing to search over: give --over SETTING=VALUE,VALUE... at least once")
	}
	var space []Axis
	for _, text := range over {
		a, err := ParseAxis(text)
		if err != nil {
			return nil, err
		}
		if slices.ContainsFunc(space, func(other Axis) bool { return other.Name == a.Name }) {
			return nil, fmt.Errorf("search: --over %s is given twice: give all its values at once", a.Name)
		}
		space = append(space, a)
	}
	return space, nil
}

// sorted are the axes by name.
func sorted(space []Axis) []Axis {
	return slices.SortedFunc(slices.Values(space), func(a, b Axis) int { return cmp.Compare(a.Name, b.Name) })
}

// names are the settings of the axes.
func names(space []Axis) []string {
	all := make([]string, len(space))
	for i, a := range space {
		all[i] = a.Name
	}
	return all
}
