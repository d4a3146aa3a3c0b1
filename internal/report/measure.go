package report

import (
	"math"
	"slices"

	"github.com/kafisto/kafisto/internal/runlog"
)

// lossWindow is the number of last steps whose mean is the final training loss.
const lossWindow = 50

// Statuses of a run, as reported.
const (
	statusUnfinished = "unfinished" // no end record, or stopped by a signal
	statusFinished   = runlog.StatusFinished
	statusDiverged   = runlog.StatusDiverged
)

// measures are the figures of one run. One that the log does not hold is NaN.
type measures struct {
	tasks                 tasks   // what its evaluations are of
	finalError, bestError float64 // validation top-1 error, percent
	finalPerplexity       float64 // validation
	bestPerplexity        float64 // validation
	testPerplexity        float64 // at the lowest validation loss
	finalLoss, bestLoss   float64 // validation loss
	trainingLoss          float64 // mean of the last lossWindow finite step losses
	stepSeconds           float64 // median over steps
	totalSeconds          float64 // all steps and evaluations, without start-up
	examples              int     // of the last validation

	// Those of generative adversarial networks, which have no other losses.
	generatorLoss, criticLoss float64  // means of the last lossWindow finite step losses
	finalWasserstein          float64  // validation
	finalFrechet, bestFrechet float64  // of the validations
	features                  []string // classifiers of the Fréchet distances
}

// measure reads the figures of a run from its log.
func measure(log *runlog.Log) measures {
	m := measures{
		finalError: math.NaN(), bestError: math.NaN(),
		finalPerplexity: math.NaN(), bestPerplexity: math.NaN(), testPerplexity: math.NaN(),
		finalLoss: math.NaN(), bestLoss: math.NaN(),
		finalWasserstein: math.NaN(), finalFrechet: math.NaN(), bestFrechet: math.NaN(), features: featuresOf(log),
	}
	var total float64
	for _, e := range log.Evals {
		total += positive(e.Seconds)
		if e.Split == runlog.Validation {
			m.evaluated(e)
		}
	}
	if e, ok := log.TestAtBest(); ok && e.IsLanguage() {
		m.testPerplexity = e.Perplexity
	}
	var seconds []float64
	for _, s := range log.Steps {
		total += positive(s.Seconds)
		if s.Seconds > 0 && finite(s.Seconds) {
			seconds = append(seconds, s.Seconds)
		}
		if s.Critic != nil {
			m.tasks |= generation
		}
	}
	m.trainingLoss, m.generatorLoss, m.criticLoss = lastLoss(log, alone), lastLoss(log, generator), lastLoss(log, critic)
	m.stepSeconds = median(seconds)
	m.totalSeconds = math.NaN()
	if total > 0 {
		m.totalSeconds = total
	}
	return m
}

// lastLoss is the mean of a network's last lossWindow finite step losses.
func lastLoss(log *runlog.Log, of partOf) float64 {
	var losses []float64
	for _, p := range fromParts(of, func(p part) float64 { return p.loss })(log) {
		if finite(p.y) {
			losses = append(losses, p.y)
		}
	}
	return mean(losses[max(0, len(losses)-lossWindow):])
}

// evaluated puts in the next evaluation of the validation split.
func (m *measures) evaluated(e runlog.Eval) {
	m.examples = e.Examples
	kind := taskOf(e)
	m.tasks |= kind
	if kind == generation {
		m.finalWasserstein = e.GAN.Wasserstein
		if distance, ok := frechet(e); ok {
			m.tasks |= distances
			m.finalFrechet = distance
			if e.Step > 0 { // before, nothing was trained
				m.bestFrechet = lower(m.bestFrechet, distance)
			}
		}
		return
	}
	m.finalLoss = e.Loss
	m.bestLoss = lower(m.bestLoss, e.Loss)
	if kind == language {
		m.finalPerplexity = e.Perplexity
		m.bestPerplexity = lower(m.bestPerplexity, e.Perplexity)
		return
	}
	m.finalError = e.Top1Error
	m.bestError = lower(m.bestError, e.Top1Error)
}

// diverged says whether the run ended because something was not finite.
func diverged(log *runlog.Log) bool {
	if log.End != nil {
		return log.End.Status == runlog.StatusDiverged
	}
	n := len(log.Steps)
	return n > 0 && !finite(log.Steps[n-1].Loss)
}

// status is how the run stands: finished, unfinished or diverged.
func status(log *runlog.Log) string {
	switch {
	case diverged(log):
		return statusDiverged
	case log.End != nil && log.End.Status == runlog.StatusFinished:
		return statusFinished
	default:
		return statusUnfinished
	}
}

func finite(v float64) bool { return !math.IsNaN(v) && !math.IsInf(v, 0) }

// positive is v where it is a positive finite number, else 0.
func positive(v float64) float64 {
	if v > 0 && finite(v) {
		return v
	}
	return 0
}

// lower is the smaller of a and b, ignoring what is not finite.
func lower(a, b float64) float64 {
	if !finite(b) || a <= b {
		return a
	}
	return b
}

// mean is computed without a sum, which could overflow; NaN for no values.
func mean(values []float64) float64 {
	if len(values) == 0 {
		return math.NaN()
	}
	m := 0.0
	for i, v := range values {
		m += (v - m) / float64(i+1)
	}
	return m
}

// median is NaN for no values. It sorts its argument.
func median(values []float64) float64 {
	n := len(values)
	if n == 0 {
		return math.NaN()
	}
	slices.Sort(values)
	if n%2 == 1 {
		return values[n/2]
	}
	return values[n/2-1]/2 + values[n/2]/2
}
