package search

import (
	"cmp"
	"fmt"
	"math"

	"github.com/kafisto/kafisto/internal/job"
	"github.com/kafisto/kafisto/internal/runlog"
)

// measure is what trials are compared by; less is better.
type measure struct {
	name     string // with its unit
	of       func(runlog.Eval) float64
	decimals int // shown
}

// measureOf is the measure for the task of the settings.
func measureOf(s job.Settings) measure {
	if s.IsLanguage() {
		return measure{"perplexity", func(e runlog.Eval) float64 { return e.Perplexity }, 2}
	}
	if s.IsGAN() {
		return measure{"Fréchet distance", frechet, 2}
	}
	return measure{"top-1 error, %", func(e runlog.Eval) float64 { return e.Top1Error }, 2}
}

// frechet is infinite where it was not measured, which is in no mean.
func frechet(e runlog.Eval) float64 {
	if e.GAN == nil || e.GAN.Frechet == nil {
		return math.Inf(1)
	}
	return *e.GAN.Frechet
}

// compare orders evaluations by the measure and, where it is the same, as that of
// perplexities too large for a number is, by the loss.
func (m measure) compare(a, b runlog.Eval) int {
	return cmp.Or(cmp.Compare(m.of(a), m.of(b)), cmp.Compare(a.Loss, b.Loss))
}

func loss(e runlog.Eval) float64 { return e.Loss }

// RankBy says which evaluation of a run counts.
type RankBy string

// What trials can be ranked by.
const (
	Best  RankBy = "best"  // the lowest of the run
	Final RankBy = "final" // the last
)

// ParseRankBy returns what has that name.
func ParseRankBy(name string) (RankBy, error) {
	if by := RankBy(name); by == Best || by == Final {
		return by, nil
	}
	return "", fmt.Errorf("search: trials cannot be ranked by %.30q: use best or final", name)
}
