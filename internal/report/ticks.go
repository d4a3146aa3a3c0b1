package report

import (
	"math"
	"strconv"
	"strings"

	"gonum.org/v1/plot"
)

// linearTicks divides an axis at multiples of 1, 2 or 5 times a power of ten.
type linearTicks struct {
	whole bool // at whole numbers only
}

// Ticks gives about five ticks; none for an axis of no length.
func (t linearTicks) Ticks(low, high float64) []plot.Tick {
	span := high - low
	if !(span > 0) || !finite(span) {
		return nil
	}
	power := math.Pow(10, math.Floor(math.Log10(span/5)))
	if power == 0 {
		return nil
	}
	step := 10 * power
	for _, factor := range []float64{1, 2, 5} {
		if span/(factor*power) <= 6 {
			step = factor * power
			break
		}
	}
	if t.whole {
		step = math.Max(step, 1)
	}
	var ticks []plot.Tick
	first := math.Ceil(low / step)
	for i := range 12 {
		v := (first + float64(i)) * step
		if v > high {
			break
		}
		ticks = append(ticks, plot.Tick{Value: v, Label: tickLabel(v, step)})
	}
	return ticks
}

// logTicks divides a logarithmic axis at powers of ten, or more finely where
// it is short.
type logTicks struct{}

// Ticks gives three to seven ticks; none unless 0 < low < high.
func (logTicks) Ticks(low, high float64) []plot.Tick {
	if !(low > 0) || !(high > low) || !finite(high) {
		return nil
	}
	from, to := math.Ceil(math.Log10(low)), math.Floor(math.Log10(high))
	if to-from < 2 {
		if ticks := fineLogTicks(low, high); len(ticks) >= 3 {
			return ticks
		}
		return linearTicks{}.Ticks(low, high)
	}
	stride := math.Ceil((to - from + 1) / 7)
	var ticks []plot.Tick
	for e := from; e <= to; e += stride {
		v := math.Pow(10, e)
		ticks = append(ticks, plot.Tick{Value: v, Label: tickLabel(v, v)})
	}
	return ticks
}

// fineLogTicks are those of 1, 2 and 5 times a power of ten that lie between
// low and high.
func fineLogTicks(low, high float64) []plot.Tick {
	var ticks []plot.Tick
	for e := math.Floor(math.Log10(low)); e <= math.Ceil(math.Log10(high)); e++ {
		for _, factor := range []float64{1, 2, 5} {
			v := factor * math.Pow(10, e)
			if v >= low && v <= high {
				ticks = append(ticks, plot.Tick{Value: v, Label: tickLabel(v, v)})
			}
		}
	}
	return ticks
}

// tickLabel is v with the decimals that step needs, "1e-5" for very large and
// very small ones.
func tickLabel(v, step float64) string {
	if math.Abs(v) < step/2 {
		return "0"
	}
	if size := math.Abs(v); size >= 1e6 || size < 1e-3 && step < 1e-4 {
		digits := max(0, int(math.Floor(math.Log10(size)))-int(math.Floor(math.Log10(step)+1e-9)))
		mantissa, exponent, _ := strings.Cut(strconv.FormatFloat(v, 'e', min(digits, 15), 64), "e")
		sign := strings.TrimPrefix(exponent[:1], "+")
		return mantissa + "e" + sign + strings.TrimLeft(exponent[1:], "0")
	}
	decimals := max(0, -int(math.Floor(math.Log10(step)+1e-9)))
	return strconv.FormatFloat(v, 'f', decimals, 64)
}
