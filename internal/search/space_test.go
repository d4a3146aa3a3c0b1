package search

import (
	"fmt"
	"math"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/kafisto/kafisto/internal/alloctest"
	"github.com/kafisto/kafisto/internal/job"
)

func TestParseAxis(t *testing.T) {
	for text, want := range map[string]Axis{
		"momentum=0,0.5,9e-1":       {Name: "momentum", Values: []string{"0", "0.5", "0.9"}},
		"momentum=0":                {Name: "momentum", Values: []string{"0"}},
		"augment=true,false":        {Name: "augment", Values: []string{"true", "false"}},
		"optimizer=sgd,adam":        {Name: "optimizer", Values: []string{"sgd", "adam"}},
		"target=0,fraction:0.1":     {Name: "target", Values: []string{"0", "fraction:0.1"}},
		"target=log:1..2":           {Name: "target", Values: []string{"log:1..2"}}, // text has no ranges
		"learning-rate=1e-3,1":      {Name: "learning-rate", Values: []string{"0.001", "1"}},
		"learning-rate=log:1e-3..1": {Name: "learning-rate", Low: 0.001, High: 1, Log: true},
		"momentum=0..0.99":          {Name: "momentum", High: 0.99},
		"momentum=.5...75":          {Name: "momentum", Low: 0.5, High: 0.75},
		"batch-size=log:8..256":     {Name: "batch-size", Low: 8, High: 256, Log: true, Whole: true},
		"epochs=1..1e1":             {Name: "epochs", Low: 1, High: 10, Whole: true},
	} {
		if got, err := ParseAxis(text); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %+v, %v; want %+v", text, got, err, want)
		}
	}
}

func TestParseAxisRefuses(t *testing.T) {
	for text, want := range map[string]string{
		"":                          "SETTING=VALUES",
		"momentum":                  "SETTING=VALUES",
		"momentum=":                 "SETTING=VALUES",
		"=1,2":                      "SETTING=VALUES",
		"momentun=1,2":              `"momentun"`,
		"Momentum=1,2":              `"Momentum"`,
		"seed=1,2":                  "--seeds",
		"engine=go,auto":            "decides no result",
		"momentum=0,much":           `"much"`,
		"momentum=0,":               `""`,
		"momentum=0,null":           `"null"`,
		"momentum=log:0.1,0.2":      `"log:0.1"`,
		"momentum=0.9,0.90":         "twice",
		"momentum=1..0":             "smaller",
		"momentum=1..1":             "smaller",
		"momentum=..1":              `""`,
		"momentum=0..":              `""`,
		"momentum=0..Inf":           `"Inf"`,
		"momentum=-1e308..1e308":    "smaller",
		"momentum=0..1..2":          `"1..2"`,
		"learning-rate=log:0..1":    "above 0",
		"batch-size=1.5..3":         `"1.5"`,
		"batch-size=1..1e300":       `"1e300"`,
		"augment=maybe":             "true or false",
		"learning-rate=0.1,1,1e999": "learning-rate",
	} {
		if got, err := ParseAxis(text); err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: %+v, %v; want one sentence with %q", text, got, err, want)
		}
	}
}

// counted are the numbers from 1 to n as a list.
func counted(n int) string {
	numbers := make([]string, n)
	for i := range numbers {
		numbers[i] = strconv.Itoa(i + 1)
	}
	return strings.Join(numbers, ",")
}

// TestManyValues: as many as may be are read in bounded memory, one more is refused at once.
func TestManyValues(t *testing.T) {
	text := "batch-size=" + counted(maxValues)
	var a Axis
	var err error
	alloctest.Within(t, 1<<20+32<<10*maxValues+128*len(text), func() { a, err = ParseAxis(text) })
	if err != nil || len(a.Values) != maxValues {
		t.Errorf("%d values, %v", len(a.Values), err)
	}
	text = "batch-size=" + counted(100*maxValues)
	alloctest.Within(t, 1<<20, func() { _, err = ParseAxis(text) })
	if err == nil || !strings.Contains(err.Error(), "100000 values, at most 1000") {
		t.Errorf("too many values: %v", err)
	}
}

func FuzzParseAxis(f *testing.F) {
	for _, text := range []string{"momentum=0,0.5", "batch-size=log:8..256", "learning-rate=log:1e-300..1e300", "augment=true", "target=a,b", "width=-5..5"} {
		f.Add(text, int64(1), 1)
	}
	f.Add("batch-size="+counted(200), int64(1), 1)
	f.Fuzz(func(t *testing.T, text string, seed int64, k int) {
		var a Axis
		var err error
		values := min(strings.Count(text, ",")+1, maxValues)
		alloctest.Within(t, 1<<20+32<<10*values+128*len(text), func() { a, err = ParseAxis(text) })
		if err != nil {
			return
		}
		again, err := ParseAxis(a.Name + "=" + a.text())
		if err != nil || !reflect.DeepEqual(a, again) {
			t.Errorf("%q is %+v, written again %+v, %v", text, a, again, err)
		}
		inside(t, a, a.draw(seed, k))
	})
}

// inside fails unless the value can be one of the axis.
func inside(t interface {
	Helper()
	Errorf(string, ...any)
}, a Axis, value string) {
	t.Helper()
	s, err := job.Defaults().Set(map[string]string{a.Name: value})
	if err != nil {
		t.Errorf("%+v has the value %q: %v", a, value, err)
		return
	}
	if !a.isRange() {
		if !slices.Contains(a.Values, fmt.Sprint(s.Map()[a.Name])) {
			t.Errorf("%+v has the value %q", a, value)
		}
		return
	}
	v, err := strconv.ParseFloat(value, 64)
	if err != nil || v < a.Low || v > a.High || a.Whole && v != float64(int64(v)) {
		t.Errorf("%+v has the value %q", a, value)
	}
}

func TestDrawsAreInsideAndPure(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a := Axis{Name: "learning-rate", Log: rapid.Bool().Draw(t, "log")}
		least := -1e9
		if a.Log {
			least = 1e-9
		}
		a.Low = rapid.Float64Range(least, 1e6).Draw(t, "low")
		a.High = a.Low + rapid.Float64Range(1e-3, 1e6).Draw(t, "width")
		if rapid.Bool().Draw(t, "whole") {
			a.Name, a.Whole, a.Low, a.High = "epochs", true, float64(int(a.Low)), float64(int(a.High))
			if a.Log {
				a.Low = max(a.Low, 1)
			}
			a.High = max(a.High, a.Low+1)
		}
		seed, k := rapid.Int64().Draw(t, "seed"), rapid.IntRange(1, 1000).Draw(t, "trial")
		value := a.draw(seed, k)
		inside(t, a, value)
		for other := range 3 { // what is drawn besides changes nothing
			a.draw(seed, other)
		}
		if again := a.draw(seed, k); again != value {
			t.Errorf("%q, then %q", value, again)
		}
	})
}

// TestDrawsSpread: of 4,000 draws each tenth of a range gets 400 but for chance,
// which is below 100 (five standard deviations), and so does each value of a list.
func TestDrawsSpread(t *testing.T) {
	const n, parts = 4000, 10
	for text, part := range map[string]func(v float64) float64{
		"learning-rate=log:0.001..10": func(v float64) float64 { return (math.Log10(v) + 3) / 4 },
		"momentum=0..2":               func(v float64) float64 { return v / 2 },
		"epochs=1..10":                func(v float64) float64 { return (v - 1) / 10 },
		"width=0,1,2,3,4,5,6,7,8,9":   func(v float64) float64 { return v / 10 },
	} {
		a, err := ParseAxis(text)
		if err != nil {
			t.Fatal(err)
		}
		var counts [parts]int
		for k := range n {
			v, err := strconv.ParseFloat(a.draw(7, k), 64)
			if err != nil {
				t.Fatal(err)
			}
			counts[min(int(part(v)*parts+1e-9), parts-1)]++
		}
		for i, count := range counts {
			if count < n/parts-100 || count > n/parts+100 {
				t.Errorf("%s: part %d of the range was drawn %d times: %v", text, i, count, counts)
			}
		}
	}
}
