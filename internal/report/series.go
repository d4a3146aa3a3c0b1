package report

import (
	"math"

	"github.com/kafisto/kafisto/internal/runlog"
)

// point is one value of a curve.
type point struct {
	step      int64   // of the run; curves of several seeds are matched by it
	x, y      float64 // x is the step or the epoch
	low, high float64 // band around y; both equal to y where there is none
}

// series is the values of one quantity over a run, in the order of the log.
type series func(log *runlog.Log) []point

// fromSteps makes a series from what pick reads of each step; pick says false
// where the step lacks the quantity.
func fromSteps(pick func(runlog.Step) (y float64, ok bool)) series {
	return func(log *runlog.Log) []point {
		var points []point
		for _, s := range log.Steps {
			if y, ok := pick(s); ok {
				points = append(points, point{step: s.Step, x: s.Epoch, y: y, low: y, high: y})
			}
		}
		return points
	}
}

// part is what one network did in a training step.
type part struct {
	loss, gradientNorm float64
	learningRate       [3]float64     // minimum, median, maximum over layers
	filter             *runlog.Filter // nil without one
}

// partOf picks a network's part of a step; false where there is no such network.
type partOf func(runlog.Step) (part, bool)

// alone is the network of a run that trains one, not two against each other.
func alone(s runlog.Step) (part, bool) {
	return part{s.Loss, s.GradientNorm, s.LearningRate, s.Filter}, s.Critic == nil
}

// generator is that of a generative adversarial network.
func generator(s runlog.Step) (part, bool) {
	return part{s.Loss, s.GradientNorm, s.LearningRate, s.Filter}, s.Critic != nil
}

// critic is that of a generative adversarial network.
func critic(s runlog.Step) (part, bool) {
	c := s.Critic
	if c == nil {
		return part{}, false
	}
	return part{c.Loss, c.GradientNorm, c.LearningRate, c.Filter}, true
}

// fromParts makes a series of one network from what pick reads of its parts.
func fromParts(of partOf, pick func(part) float64) series {
	return fromSteps(func(s runlog.Step) (float64, bool) {
		p, ok := of(s)
		return pick(p), ok
	})
}

// fromFilters makes a series of one network from what pick reads of its filter;
// pick says false where the filter lacks the quantity.
func fromFilters(of partOf, pick func(*runlog.Filter) (float64, bool)) series {
	return fromSteps(func(s runlog.Step) (float64, bool) {
		p, ok := of(s)
		if !ok || p.filter == nil {
			return 0, false
		}
		return pick(p.filter)
	})
}

// covariance is entry i of the filter's P.
func covariance(of partOf, i int) series {
	return fromFilters(of, func(f *runlog.Filter) (float64, bool) {
		if i >= len(f.P) {
			return 0, false
		}
		return f.P[i], true
	})
}

// learningRates is the median over the network's layers with the band from minimum
// to maximum.
func learningRates(of partOf) series {
	return func(log *runlog.Log) []point {
		var points []point
		for _, s := range log.Steps {
			if p, ok := of(s); ok {
				rate := p.learningRate
				points = append(points, point{step: s.Step, x: s.Epoch, y: rate[1], low: rate[0], high: rate[2]})
			}
		}
		return points
	}
}

// filtered is the network alone, in the steps in which it has a filter.
func filtered(s runlog.Step) (part, bool) {
	p, ok := alone(s)
	return p, ok && p.filter != nil
}

// evaluations makes a series from what pick reads of each evaluation on a split;
// pick says false where the evaluation lacks the quantity.
func evaluations(split string, pick func(runlog.Eval) (y float64, ok bool)) series {
	return func(log *runlog.Log) []point {
		var points []point
		for _, e := range log.Evals {
			if e.Split != split {
				continue
			}
			if y, ok := pick(e); ok {
				points = append(points, point{step: e.Step, x: e.Epoch, y: y, low: y, high: y})
			}
		}
		return points
	}
}

func perplexity(e runlog.Eval) (float64, bool) { return e.Perplexity, e.IsLanguage() }

// drawable keeps the points whose values are finite numbers of drawable size
// and, on a logarithmic axis, positive. A band that is not drawable shrinks to
// its middle.
func drawable(points []point, logarithmic bool) []point {
	var kept []point
	for _, p := range points {
		if !canDraw(p.x, false) || !canDraw(p.y, logarithmic) {
			continue
		}
		if !canDraw(p.low, logarithmic) {
			p.low = p.y
		}
		if !canDraw(p.high, logarithmic) {
			p.high = p.y
		}
		kept = append(kept, p)
	}
	return kept
}

// canDraw is false for NaN, infinity and numbers so large or (on a logarithmic
// axis) so small that the arithmetic of an axis could overflow; the limits are
// far beyond those of float32.
func canDraw(v float64, logarithmic bool) bool {
	const largest, smallest = 1e100, 1e-100
	if logarithmic && v < smallest {
		return false
	}
	return math.Abs(v) <= largest // false for NaN
}

// bucket returns at most n points: the steps from 0 to last are cut into n
// equal buckets and each becomes the mean of its points, with the lowest low
// and the highest high. Its number replaces the step, so that buckets of runs
// with the same last and n match.
func bucket(points []point, last int64, n int) []point {
	var out []point
	current, count := int64(-1), 0.0
	for _, p := range points {
		k := bucketOf(p.step, last, n)
		if k != current || len(out) == 0 {
			current, count = k, 1
			p.step = k
			out = append(out, p)
			continue
		}
		count++
		o := &out[len(out)-1]
		o.x += (p.x - o.x) / count
		o.y += (p.y - o.y) / count
		o.low, o.high = math.Min(o.low, p.low), math.Max(o.high, p.high)
	}
	return out
}

// extremes thins like bucket but keeps the lowest and the highest point of
// each of n/2 buckets, in their order: spikes stay visible.
func extremes(points []point, last int64, n int) []point {
	var out []point
	for start := 0; start < len(points); {
		k := bucketOf(points[start].step, last, n/2)
		lo, hi, i := start, start, start
		for ; i < len(points) && bucketOf(points[i].step, last, n/2) == k; i++ {
			if points[i].y < points[lo].y {
				lo = i
			}
			if points[i].y > points[hi].y {
				hi = i
			}
		}
		out = append(out, points[min(lo, hi)])
		if lo != hi {
			out = append(out, points[max(lo, hi)])
		}
		start = i
	}
	return out
}

// bucketOf is the bucket, 0 to n-1, of a step.
func bucketOf(step, last int64, n int) int64 {
	if last <= 0 {
		return 0
	}
	k := int64(float64(step) / float64(last) * float64(n))
	return min(max(k, 0), int64(n-1))
}

// smooth is the moving average over a window of about 4 % of the points,
// centred, of values and bands; at the start it shrinks evenly, so that a steep start stays steep.
func smooth(points []point) []point {
	half := len(points) / 50
	if half == 0 {
		return points
	}
	out := make([]point, len(points))
	for i, p := range points {
		left := min(half, i)
		right := min(half, len(points)-1-i)
		if i < half {
			right = min(left, right)
		}
		window := points[i-left : i+right+1]
		average := func(pick func(point) float64) float64 {
			values := make([]float64, len(window))
			for j, q := range window {
				values[j] = pick(q)
			}
			return mean(values)
		}
		p.y = average(func(q point) float64 { return q.y })
		p.low = average(func(q point) float64 { return q.low })
		p.high = average(func(q point) float64 { return q.high })
		out[i] = p
	}
	return out
}

// meanCurve is the mean over runs, at the steps that all of them have, with
// the band from the lowest low to the highest high.
func meanCurve(runs [][]point) []point {
	if len(runs) == 0 {
		return nil
	}
	others := make([]map[int64]point, len(runs)-1)
	for i, points := range runs[1:] {
		others[i] = make(map[int64]point, len(points))
		for _, p := range points {
			others[i][p.step] = p
		}
	}
	var out []point
next:
	for _, p := range runs[0] {
		values := []float64{p.y}
		for _, other := range others {
			q, ok := other[p.step]
			if !ok {
				continue next
			}
			values = append(values, q.y)
			p.low, p.high = math.Min(p.low, q.low), math.Max(p.high, q.high)
		}
		p.y = mean(values)
		out = append(out, p)
	}
	return out
}
