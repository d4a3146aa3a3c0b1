package bench

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/kafisto/kafisto/internal/engine"
)

// Measurement is what one round of a case measured.
type Measurement struct {
	Type          string `json:"type"` // "measurement"
	Case          string `json:"case"`
	Engine        string `json:"engine"`
	EngineVersion string `json:"engine_version,omitempty"`
	Optimizer     string `json:"optimizer,omitempty"` // where the case has one
	Batch         int    `json:"batch,omitempty"`     // where the case has one
	Steps         int    `json:"steps"`               // timed
	// Median and Min are seconds a step.
	Median float64 `json:"median_s"`
	Min    float64 `json:"min_s"`
	// ItemsPerSecond is of the median step, in units of Unit.
	ItemsPerSecond float64 `json:"items_per_s"`
	Unit           string  `json:"unit"`
	// Compile is the first step minus the second, in seconds.
	Compile float64 `json:"compile_s"`
	// Filter is filter-cost's result.
	Filter *FilterCost `json:"filter,omitempty"`
}

// Measure carries out one round of a case on an open engine in this process.
// Nothing else should compute meanwhile. An option that cannot be, and what the
// case or the engine fails with, is an error; so is the end of ctx.
func Measure(ctx context.Context, e *engine.Engine, c Case, o Options) (Measurement, error) {
	if err := o.Check(); err != nil {
		return Measurement{}, err
	}
	if o.Batch == 0 || c.Batch == 0 {
		o.Batch = c.Batch
	}
	m, err := c.measure(ctx, e, o)
	if err != nil {
		return Measurement{}, fmt.Errorf("bench: %s: %w", c.Name, err)
	}
	m.Type, m.Case, m.Unit, m.Batch, m.Engine = "measurement", c.Name, c.Unit, o.Batch, e.Name
	for _, info := range engine.Status(ctx) {
		if string(info.Choice) == e.Name {
			m.EngineVersion = info.Version
		}
	}
	return m, nil
}

// work is what a case does again and again once it is prepared.
type work struct {
	step  func() error // one step, which is done when it returns
	items float64      // in a step
	close func()       // frees what the work holds
}

// prepareFunc prepares a case's work.
type prepareFunc func(ctx context.Context, e *engine.Engine, o Options) (*work, error)

// timed makes a case's measure function of its work.
func timed(prepare prepareFunc) measureFunc {
	return func(ctx context.Context, e *engine.Engine, o Options) (Measurement, error) {
		w, err := prepare(ctx, e, o)
		if err != nil {
			return Measurement{}, err
		}
		defer w.close()
		seconds, err := repeat(ctx, o.Warmup+o.Steps, w.step)
		if err != nil {
			return Measurement{}, err
		}
		kept := seconds[o.Warmup:]
		m := Measurement{Steps: o.Steps, Median: median(kept), Min: slices.Min(kept), Compile: seconds[0] - seconds[1]}
		m.ItemsPerSecond = w.items / m.Median
		return m, nil
	}
}

// repeat does a step n times and returns how many seconds each took.
func repeat(ctx context.Context, n int, step func() error) ([]float64, error) {
	seconds := make([]float64, n)
	for i := range seconds {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		began := time.Now()
		if err := step(); err != nil {
			return nil, err
		}
		seconds[i] = time.Since(began).Seconds()
		if seconds[i] <= 0 {
			return nil, errors.New("a step took no time: the clock was set back, or is too coarse: measure again")
		}
	}
	return seconds, nil
}

// median is the median of some values, at least one; the mean of the middle two
// where their number is even.
func median(values []float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	n := len(sorted)
	return (sorted[(n-1)/2] + sorted[n/2]) / 2
}
