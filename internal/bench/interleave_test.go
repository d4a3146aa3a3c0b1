package bench

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"
)

// fake is a contender that notes its turns.
type fake struct {
	name  string
	turns *[]string
	rates []float64 // items a second, round by round
	err   error     // after the rates
	done  int
}

func (f *fake) Round(context.Context) (Round, error) {
	*f.turns = append(*f.turns, f.name)
	f.done++
	if f.done > len(f.rates) {
		return Round{}, f.err
	}
	rate := f.rates[f.done-1]
	return Round{Name: f.name, Median: 1 / rate, Min: 0.5 / rate, ItemsPerSecond: rate, Compile: rate, PeakMemory: int64(rate)}, nil
}

func TestContendersTakeTurns(t *testing.T) {
	var turns, told []string
	a := &fake{name: "a", turns: &turns, rates: []float64{10, 40, 20}}
	b := &fake{name: "b", turns: &turns, rates: []float64{10, 10, 10}}
	all, err := Interleave(t.Context(), 3, func(contender, round int, r Round) {
		told = append(told, fmt.Sprint(contender, round, r.ItemsPerSecond))
	}, a, b)
	if err != nil || strings.Join(turns, "") != "ababab" {
		t.Errorf("turns %v, error %v", turns, err)
	}
	if want := []string{"0 0 10", "1 0 10", "0 1 40", "1 1 10", "0 2 20", "1 2 10"}; !reflect.DeepEqual(told, want) {
		t.Errorf("told %v", told)
	}
	if got, want := Compare(all[0], all[1]), (Ratio{Median: 2, Min: 1, Max: 4}); got != want {
		t.Errorf("ratio %+v, want %+v", got, want)
	}
	want := Summary{Rounds: 3, Median: 1.0 / 20, Min: 0.5 / 40, ItemsPerSecond: 20, Compile: 20, PeakMemory: 40}
	if got := Summarize(all[0]); got != want {
		t.Errorf("summary %+v, want %+v", got, want)
	}
}

func TestRatioIsTakenPairByPair(t *testing.T) {
	rounds := func(rates ...float64) (rs []Round) {
		for _, rate := range rates {
			rs = append(rs, Round{ItemsPerSecond: rate})
		}
		return rs
	}
	// Both get slower together: the ratio does not.
	if got, want := Compare(rounds(30, 20, 10, 2), rounds(20, 10, 4, 1)), (Ratio{Median: 2, Min: 1.5, Max: 2.5}); got != want {
		t.Errorf("ratio %+v, want %+v", got, want)
	}
}

func TestFirstErrorEndsTheRounds(t *testing.T) {
	var turns []string
	broken := errors.New("broken")
	_, err := Interleave(t.Context(), 5, nil,
		&fake{name: "a", turns: &turns, rates: []float64{1, 1, 1, 1, 1}},
		&fake{name: "b", turns: &turns, rates: []float64{1}, err: broken})
	if !errors.Is(err, broken) || strings.Join(turns, "") != "abab" {
		t.Errorf("turns %v, error %v", turns, err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	turns = nil
	if _, err := Interleave(ctx, 1, nil, &fake{name: "a", turns: &turns}); !errors.Is(err, context.Canceled) || turns != nil {
		t.Errorf("turns %v, error %v", turns, err)
	}
}

func TestProgramIsMeasuredInItsProcess(t *testing.T) {
	var messages []string
	p := Program{Words: act(t, "measurement"), Timeout: time.Minute, Message: func(line string) { messages = append(messages, line) }}
	r, err := p.Round(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if r.Median != 2 || r.Min != 1 || r.ItemsPerSecond != 4 || r.Compile != 3 || r.Measurement == nil || r.Measurement.Case != "fake" {
		t.Errorf("round %+v", r)
	}
	if !reflect.DeepEqual(messages, []string{"engine: a message"}) {
		t.Errorf("messages %q", messages)
	}
	for _, name := range []string{"peer", "silent", "garbage"} {
		if _, err := (Program{Words: act(t, name), Timeout: time.Minute}).Round(t.Context()); err == nil || !strings.Contains(err.Error(), "no measurement") {
			t.Errorf("%s: error %v", name, err)
		}
	}
}

func TestMedian(t *testing.T) {
	for _, c := range []struct {
		values []float64
		want   float64
	}{{[]float64{3}, 3}, {[]float64{4, 1}, 2.5}, {[]float64{5, 1, 3}, 3}, {[]float64{8, 1, 2, 4}, 3}} {
		if got := median(c.values); got != c.want {
			t.Errorf("median of %v is %g, want %g", c.values, got, c.want)
		}
	}
}

func TestFilterCostIsTakenPairByPair(t *testing.T) {
	got := pairTimes{kafisto: []float64{3, 30, 5}, sgd: []float64{1, 10, 2}}.cost(50)
	want := &FilterCost{Pairs: 3, KaFiStO: 5, SGD: 2, Difference: 3, Step: 50, Share: 0.06, Times: 3}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%+v, want %+v", got, want)
	}
}
