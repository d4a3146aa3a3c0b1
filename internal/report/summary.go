package report

import (
	"encoding/json"
	"math"
)

// Stat is a figure over the seeds of a group.
type Stat struct {
	N    int     // runs that have the figure
	Mean float64 // NaN if N is 0
	SD   float64 // sample standard deviation (N-1); NaN if N is below 2
}

// MarshalJSON writes {"n", "mean", "sd"}; NaN is written as null.
func (s Stat) MarshalJSON() ([]byte, error) {
	return json.Marshal(struct {
		N    int      `json:"n"`
		Mean *float64 `json:"mean"`
		SD   *float64 `json:"sd"`
	}{s.N, OrNull(s.Mean), OrNull(s.SD)})
}

// IsZero tells encoding/json that no run has the figure.
func (s Stat) IsZero() bool { return s.N == 0 }

// OrNull is nil, JSON's null, for a number that JSON cannot hold.
func OrNull(v float64) *float64 {
	if !finite(v) {
		return nil
	}
	return &v
}

// Summary is one row of the results: a group's figures over its seeds.
// Diverged runs are counted in Diverged and are in no Stat, so that a row
// reads "mean of the runs that survived, and so many did not".
type Summary struct {
	Group      string   `json:"group"`
	Seeds      []uint64 `json:"seeds"` // of all runs, diverged ones included
	Diverged   int      `json:"diverged"`
	Unfinished int      `json:"unfinished"` // stopped or still running; included in the figures
	Examples   int      `json:"examples"`   // images or words of the last evaluation, 0 if there are none or the runs differ

	FinalError   Stat `json:"final_top1_error"`      // validation, percent, last evaluation; none of language models
	BestError    Stat `json:"best_top1_error"`       // validation, percent, lowest of the run; none of language models
	FinalLoss    Stat `json:"final_validation_loss"` // last evaluation
	BestLoss     Stat `json:"best_validation_loss"`  // lowest of the run
	TrainingLoss Stat `json:"training_loss"`         // mean of the last 50 steps
	StepSeconds  Stat `json:"seconds_per_step"`      // median over a run's steps
	TotalSeconds Stat `json:"total_seconds"`         // steps and evaluations, without start-up

	// Perplexities are those of language models.
	FinalPerplexity Stat `json:"final_validation_perplexity,omitzero"` // last evaluation
	BestPerplexity  Stat `json:"best_validation_perplexity,omitzero"`  // lowest of the run
	TestPerplexity  Stat `json:"test_perplexity,omitzero"`             // at the lowest validation loss, as papers report it

	// Figures of generative adversarial networks, which have no other losses.
	FinalFrechet     Stat     `json:"final_frechet,omitzero"`                // last evaluation that has one
	BestFrechet      Stat     `json:"best_frechet,omitzero"`                 // lowest of the run
	Features         []string `json:"features,omitempty"`                    // classifiers that the distances depend on
	FinalWasserstein Stat     `json:"final_validation_wasserstein,omitzero"` // last evaluation
	GeneratorLoss    Stat     `json:"generator_loss,omitzero"`               // mean of the last 50 steps
	CriticLoss       Stat     `json:"critic_loss,omitzero"`                  // mean of the last 50 steps

	tasks tasks // of all runs, diverged ones included
}

// Summarize gives one Summary a group, in the order in which groups first
// appear among the runs. Runs without a log are skipped.
func Summarize(r Report) []Summary {
	var summaries []Summary
	for _, g := range r.groups() {
		summaries = append(summaries, summarize(g))
	}
	return summaries
}

func summarize(g group) Summary {
	s := Summary{Group: g.name, Seeds: make([]uint64, 0, len(g.runs))}
	var all []measures
	for _, run := range g.runs {
		if run.Log == nil {
			continue
		}
		s.Seeds = append(s.Seeds, run.Seed)
		m := measure(run.Log)
		s.tasks |= m.tasks
		switch status(run.Log) {
		case statusDiverged:
			s.Diverged++
			continue
		case statusUnfinished:
			s.Unfinished++
		}
		if all == nil {
			s.Examples = m.examples
		} else if s.Examples != m.examples {
			s.Examples = 0
		}
		all = append(all, m)
		s.Features = addNames(s.Features, m.features...)
	}
	over := func(pick func(measures) float64) Stat {
		values := make([]float64, len(all))
		for i, m := range all {
			values[i] = pick(m)
		}
		return NewStat(values)
	}
	s.FinalError = over(func(m measures) float64 { return m.finalError })
	s.BestError = over(func(m measures) float64 { return m.bestError })
	s.FinalPerplexity = over(func(m measures) float64 { return m.finalPerplexity })
	s.BestPerplexity = over(func(m measures) float64 { return m.bestPerplexity })
	s.TestPerplexity = over(func(m measures) float64 { return m.testPerplexity })
	s.FinalFrechet = over(func(m measures) float64 { return m.finalFrechet })
	s.BestFrechet = over(func(m measures) float64 { return m.bestFrechet })
	s.FinalWasserstein = over(func(m measures) float64 { return m.finalWasserstein })
	s.GeneratorLoss = over(func(m measures) float64 { return m.generatorLoss })
	s.CriticLoss = over(func(m measures) float64 { return m.criticLoss })
	s.FinalLoss = over(func(m measures) float64 { return m.finalLoss })
	s.BestLoss = over(func(m measures) float64 { return m.bestLoss })
	s.TrainingLoss = over(func(m measures) float64 { return m.trainingLoss })
	s.StepSeconds = over(func(m measures) float64 { return m.stepSeconds })
	s.TotalSeconds = over(func(m measures) float64 { return m.totalSeconds })
	return s
}

// NewStat is the mean and sample standard deviation of the finite values.
func NewStat(values []float64) Stat {
	var kept []float64
	for _, v := range values {
		if finite(v) {
			kept = append(kept, v)
		}
	}
	s := Stat{N: len(kept), Mean: mean(kept), SD: math.NaN()}
	if s.N < 2 {
		return s
	}
	var squares float64
	for _, v := range kept {
		squares += (v - s.Mean) * (v - s.Mean)
	}
	s.SD = math.Sqrt(squares / float64(s.N-1))
	return s
}
