package report

import (
	"math"
	"strconv"
	"testing"

	"github.com/kafisto/kafisto/internal/runlog"
	"gonum.org/v1/plot"
	"pgregory.net/rapid"
)

// line is points at steps 1 to n with the given values.
func line(values ...float64) []point {
	points := make([]point, len(values))
	for i, v := range values {
		points[i] = point{step: int64(i + 1), x: float64(i + 1), y: v, low: v, high: v}
	}
	return points
}

func TestLogAxisDropsWhatIsNotPositive(t *testing.T) {
	log := handLog(4)
	for i, qx := range []float64{0, -1, math.NaN(), 0.5} {
		log.Steps[i].Filter = &runlog.Filter{R: 1, P: []float64{1}, Qx: qx}
	}
	log.Steps[0].LearningRate = [3]float64{0, 0.1, math.Inf(1)}
	groups := Report{Runs: []Run{{Label: "a", Log: log}}}.groups()
	for _, p := range panels(groups) {
		switch p.name {
		case "state-noise":
			if p.dropped != 3 || len(p.curves[0].mean) != 1 || p.curves[0].mean[0].y != 0.5 {
				t.Errorf("state noise: dropped %d, curve %+v", p.dropped, p.curves[0].mean)
			}
		case "learning-rate":
			if first := p.curves[0].mean[0]; first.low != 0.1 || first.high != 0.1 {
				t.Errorf("a band that cannot be drawn shrinks: %+v", first)
			}
		case "cross-covariance", "velocity-variance":
			t.Errorf("%s drawn for a Vanilla filter", p.name)
		}
		if _, err := renderInline(p); err != nil {
			t.Error(err)
		}
	}
}

func TestAutoScale(t *testing.T) {
	for _, c := range []struct {
		values []float64
		want   bool
	}{
		{[]float64{1, 29}, false}, {[]float64{1, 31}, true}, {[]float64{-1, 31}, false}, {[]float64{0, 100}, false},
		{[]float64{math.NaN()}, false}, {nil, false},
	} {
		if got := wide([][][]point{{line(c.values...)}}); got != c.want {
			t.Errorf("wide(%v) = %v", c.values, got)
		}
	}
}

func TestMeanCurveKeepsCommonSteps(t *testing.T) {
	got := meanCurve([][]point{line(1, 2, 3), line(3, 4)})
	if len(got) != 2 || got[0].y != 2 || got[1].y != 3 || got[1].low != 2 || got[1].high != 4 {
		t.Errorf("got %+v", got)
	}
	if meanCurve(nil) != nil {
		t.Error("no runs have no mean")
	}
}

// someValues draws 1 to most values, all lengths alike.
func someValues(most int) *rapid.Generator[[]float64] {
	return rapid.Custom(func(t *rapid.T) []float64 {
		n := int(rapid.Uint64().Draw(t, "length")%uint64(most)) + 1
		return rapid.SliceOfN(rapid.Float64Range(-1e3, 1e3), n, n).Draw(t, "values")
	})
}

func TestSmoothKeepsConstantsAndEnds(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		values := someValues(400).Draw(t, "values")
		points := smooth(line(values...))
		low, high := math.Inf(1), math.Inf(-1)
		for _, v := range values {
			low, high = math.Min(low, v), math.Max(high, v)
		}
		if len(points) != len(values) || points[0].y != values[0] {
			t.Fatalf("length %d of %d, start %v of %v", len(points), len(values), points[0].y, values[0])
		}
		for _, p := range points {
			if p.y < low-1e-9 || p.y > high+1e-9 {
				t.Fatalf("average %v outside %v..%v", p.y, low, high)
			}
		}
	})
}

func TestThinningKeepsMeansAndExtremes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		values := someValues(500).Draw(t, "values")
		n := rapid.IntRange(2, 50).Draw(t, "n")
		points := line(values...)
		last := points[len(points)-1].step
		thin, spikes := bucket(points, last, n), extremes(points, last, n)
		if len(thin) > n || len(spikes) > n {
			t.Fatalf("%d and %d points, at most %d", len(thin), len(spikes), n)
		}
		ends := func(points []point, low, high func(point) float64) (float64, float64) {
			a, b := math.Inf(1), math.Inf(-1)
			for i, p := range points {
				a, b = math.Min(a, low(p)), math.Max(b, high(p))
				if i > 0 && p.x <= points[i-1].x {
					t.Fatalf("x does not grow at %d", i)
				}
			}
			return a, b
		}
		y := func(p point) float64 { return p.y }
		wantLow, wantHigh := ends(points, y, y)
		if low, high := ends(spikes, y, y); low != wantLow || high != wantHigh {
			t.Fatalf("extremes %v..%v, want %v..%v", low, high, wantLow, wantHigh)
		}
		low, high := ends(thin, func(p point) float64 { return p.low }, func(p point) float64 { return p.high })
		if low != wantLow || high != wantHigh {
			t.Fatalf("band %v..%v, want %v..%v", low, high, wantLow, wantHigh)
		}
	})
}

func TestSeedsOfDifferentLengthsMatchWhenThinned(t *testing.T) {
	long, short := fixture(1, 5000, 0, 0.3), fixture(1, 5000, 0, 0.3)
	short.Steps = short.Steps[:900] // below the limit on its own
	groups := Report{Runs: []Run{{Label: "1", Group: "g", Log: long}, {Label: "2", Group: "g", Log: short}}}.groups()
	p := newPanel(figures[0], groups, false)
	c := p.curves[0]
	if len(c.seeds[0]) > mostPoints || len(c.raw[0]) > mostPoints {
		t.Errorf("%d and %d points", len(c.seeds[0]), len(c.raw[0]))
	}
	if len(c.mean) == 0 || len(c.mean) != len(c.seeds[1]) {
		t.Errorf("mean has %d points, the shorter run %d", len(c.mean), len(c.seeds[1]))
	}
}

func TestEpochsOrSteps(t *testing.T) {
	groups := func(log *runlog.Log) []group { return Report{Runs: []Run{{Label: "a", Log: log}}}.groups() }
	without := handLog(30)
	for i := range without.Steps {
		without.Steps[i].Epoch = 0
	}
	if !inEpochs(groups(handLog(10))) || inEpochs(groups(handLog(9))) || inEpochs(groups(without)) {
		t.Error("epochs are the axis of runs of at least one epoch, else steps")
	}
}

func TestTicks(t *testing.T) {
	for _, c := range []struct {
		ticker    plot.Ticker
		low, high float64
		want      []string
	}{
		{linearTicks{}, 0, 1, []string{"0", "0.2", "0.4", "0.6", "0.8", "1.0"}},
		{linearTicks{whole: true}, 0, 3, []string{"0", "1", "2", "3"}},
		{linearTicks{}, -0.5, 2.1, []string{"-0.5", "0", "0.5", "1.0", "1.5", "2.0"}},
		{linearTicks{}, 0, 3e6, []string{"0", "500000", "1.0e6", "1.5e6", "2.0e6", "2.5e6", "3.0e6"}},
		{logTicks{}, 1e-5, 12, []string{"1e-5", "0.0001", "0.001", "0.01", "0.1", "1", "10"}},
		{logTicks{}, 0.9, 11, []string{"1", "2", "5", "10"}},
	} {
		var got []string
		for _, tick := range c.ticker.Ticks(c.low, c.high) {
			got = append(got, tick.Label)
		}
		if len(got) != len(c.want) {
			t.Errorf("%v..%v: got %q, want %q", c.low, c.high, got, c.want)
			continue
		}
		for i := range got {
			if got[i] != c.want[i] {
				t.Errorf("%v..%v: got %q, want %q", c.low, c.high, got, c.want)
				break
			}
		}
	}
}

func TestTicksLieOnTheAxisAndSayWhere(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		log := rapid.Bool().Draw(t, "log")
		a, b := rapid.Float64().Draw(t, "a"), rapid.Float64().Draw(t, "b")
		if log {
			a, b = math.Abs(a), math.Abs(b)
		}
		if !canDraw(a, log) || !canDraw(b, log) {
			t.Skip()
		}
		p := panel{log: log, curves: []curve{{mean: line(a, b)}}}
		_, _, low, high := p.limits()
		var ticker plot.Ticker = linearTicks{}
		if log {
			ticker = logTicks{}
		}
		ticks := ticker.Ticks(low, high)
		if len(ticks) < 2 || len(ticks) > 12 {
			t.Fatalf("%d ticks on %v..%v", len(ticks), low, high)
		}
		for _, tick := range ticks {
			v, err := strconv.ParseFloat(tick.Label, 64)
			if err != nil || math.Abs(v-tick.Value) > 1e-6*math.Max(math.Abs(tick.Value), high-low) {
				t.Fatalf("tick at %v is labelled %q", tick.Value, tick.Label)
			}
			if tick.Value < low-1e-9*(high-low) || tick.Value > high {
				t.Fatalf("tick %v outside %v..%v", tick.Value, low, high)
			}
		}
	})
}
