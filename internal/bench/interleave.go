package bench

import (
	"context"
	"slices"
)

// Round is what one round of a contender gave.
type Round struct {
	// Name of the contender, as it calls itself.
	Name string `json:"name"`
	// Median and Min are seconds a step; Min is 0 where it is not known.
	Median         float64 `json:"median_s"`
	Min            float64 `json:"min_s,omitempty"`
	ItemsPerSecond float64 `json:"items_per_s"`
	// Compile is in seconds; 0 where it is not known.
	Compile float64 `json:"compile_s,omitempty"`
	// Optimizer is the optimizer's share of a step in seconds; 0 where it is not known.
	Optimizer float64 `json:"optimizer_s,omitempty"`
	// PeakMemory of the contender's process in bytes; 0 where the system does not tell.
	PeakMemory int64 `json:"peak_memory_bytes,omitempty"`
	// Measurement is our own programs' alone.
	Measurement *Measurement `json:"-"`
}

// Contender is one of those that take turns.
type Contender interface {
	// Round does one round and returns when it has ended, whatever it started. It
	// is called again for each round, never twice at a time, and not after an
	// error. It ends early, with ctx's error, when ctx is done.
	Round(ctx context.Context) (Round, error)
}

// Interleave lets contenders take turns, A B A B, and returns the rounds of
// each: all[contender][round]. It tells after every round, if told is not nil. The first error ends it.
func Interleave(ctx context.Context, rounds int, told func(contender, round int, r Round), contenders ...Contender) ([][]Round, error) {
	all := make([][]Round, len(contenders))
	for round := range rounds {
		for i, contender := range contenders {
			if err := ctx.Err(); err != nil {
				return nil, err
			}
			r, err := contender.Round(ctx)
			if err != nil {
				return nil, err
			}
			all[i] = append(all[i], r)
			if told != nil {
				told(i, round, r)
			}
		}
	}
	return all, nil
}

// Summary sums up a contender's rounds.
type Summary struct {
	Rounds int `json:"rounds"`
	// Median is the median of the rounds' medians, Min the least of all steps.
	Median float64 `json:"median_s"`
	Min    float64 `json:"min_s,omitempty"`
	// ItemsPerSecond, Compile and Optimizer are medians over the rounds.
	ItemsPerSecond float64 `json:"items_per_s"`
	Compile        float64 `json:"compile_s,omitempty"`
	Optimizer      float64 `json:"optimizer_s,omitempty"`
	// PeakMemory is the greatest.
	PeakMemory int64 `json:"peak_memory_bytes,omitempty"`
}

// Summarize sums rounds up, at least one.
func Summarize(rounds []Round) Summary {
	of := func(value func(Round) float64) []float64 {
		var values []float64
		for _, r := range rounds {
			values = append(values, value(r))
		}
		return values
	}
	s := Summary{
		Rounds:         len(rounds),
		Median:         median(of(func(r Round) float64 { return r.Median })),
		Min:            slices.Min(of(func(r Round) float64 { return r.Min })),
		ItemsPerSecond: median(of(func(r Round) float64 { return r.ItemsPerSecond })),
		Compile:        median(of(func(r Round) float64 { return r.Compile })),
		Optimizer:      median(of(func(r Round) float64 { return r.Optimizer })),
	}
	for _, r := range rounds {
		s.PeakMemory = max(s.PeakMemory, r.PeakMemory)
	}
	return s
}

// Ratio compares two contenders round by round.
type Ratio struct {
	Median float64 `json:"median"`
	Min    float64 `json:"min"`
	Max    float64 `json:"max"`
}

// Compare is our items a second over the peer's, in each pair of rounds. There
// must be equally many rounds of both, at least one.
func Compare(ours, peers []Round) Ratio {
	quotients := make([]float64, len(ours))
	for i := range ours {
		quotients[i] = ours[i].ItemsPerSecond / peers[i].ItemsPerSecond
	}
	return Ratio{Median: median(quotients), Min: slices.Min(quotients), Max: slices.Max(quotients)}
}
