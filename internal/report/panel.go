package report

import "math"

// Limits that keep a figure small and fast to draw.
const (
	mostPoints   = 1000 // a curve
	fewestPoints = 100  // a curve, however many there are
	figurePoints = 6000 // all curves of a figure together, about
	dotsBelow    = 40   // a curve with fewer points shows each as a dot
)

// panel is a figure's data, thinned and ready to draw.
type panel struct {
	figure
	log     bool
	epochs  bool // x is in epochs, else in steps
	curves  []curve
	dropped int // values that the axis cannot show

	unigrams []float64 // perplexities that are dashed lines
}

// curve is what one group contributes to a panel.
type curve struct {
	group   int       // index, which gives the colour
	raw     [][]point // a run each; noisy figures only
	seeds   [][]point // a run each
	mean    []point   // over the runs that did not diverge; nil if all did
	crosses []point   // where diverged runs end
}

// newPanel gathers the figure's values from the groups' logs. Its curves are
// empty if no log holds any.
func newPanel(f figure, groups []group, epochs bool) panel {
	p := panel{figure: f, epochs: epochs}
	if f.titled != nil {
		p.title = f.titled(groups)
	}
	all := make([][][]point, len(groups)) // group, run, point
	var thin thinning
	for i, g := range groups {
		for _, run := range g.runs {
			points := f.series(run.Log)
			if !epochs {
				for j := range points {
					points[j].x = float64(points[j].step)
				}
			}
			all[i] = append(all[i], points)
			thin.include(points)
		}
	}
	p.log = f.scale == logScale || f.scale == autoScale && wide(all)
	for i, g := range groups {
		c := curve{group: i}
		var survivors [][]point
		for j, run := range g.runs {
			points := drawable(all[i][j], p.log)
			p.dropped += len(all[i][j]) - len(points)
			if len(points) == 0 {
				continue
			}
			line := thin.means(points)
			if f.noisy {
				c.raw = append(c.raw, thin.extremes(points))
				line = smooth(line)
			}
			c.seeds = append(c.seeds, line)
			if diverged(run.Log) {
				c.crosses = append(c.crosses, line[len(line)-1])
			} else {
				survivors = append(survivors, line)
			}
		}
		c.mean = meanCurve(survivors)
		if len(c.seeds) > 0 {
			p.curves = append(p.curves, c)
		}
	}
	for _, v := range unigramsOf(groups, f.unigram) {
		if canDraw(v, p.log) {
			p.unigrams = append(p.unigrams, v)
		}
	}
	return p
}

// axisLabel is what the vertical axis shows.
func (p panel) axisLabel() string {
	if p.log {
		return p.axis + " (log scale)"
	}
	return p.axis
}

// thinning is how a figure's curves are thinned: all alike, so that the
// points of several seeds still match.
type thinning struct {
	runs    int   // with values
	longest int   // points of a run
	last    int64 // step of a run
}

func (t *thinning) include(points []point) {
	n := len(points)
	if n == 0 {
		return
	}
	t.runs++
	t.longest = max(t.longest, n)
	t.last = max(t.last, points[n-1].step)
}

// limit is the most points that a curve may have.
func (t *thinning) limit() int {
	return min(max(figurePoints/max(t.runs, 1), fewestPoints), mostPoints)
}

func (t *thinning) means(points []point) []point {
	if t.longest <= t.limit() {
		return points
	}
	return bucket(points, t.last, t.limit())
}

func (t *thinning) extremes(points []point) []point {
	if t.longest <= t.limit() {
		return points
	}
	return extremes(points, t.last, t.limit())
}

// wide says whether the values are all positive and span a factor above 30,
// so that a logarithmic axis shows more.
func wide(all [][][]point) bool {
	low, high := math.Inf(1), math.Inf(-1)
	for _, runs := range all {
		for _, points := range runs {
			for _, p := range drawable(points, false) {
				low, high = math.Min(low, p.y), math.Max(high, p.y)
			}
		}
	}
	return canDraw(low, true) && high/30 > low
}

// inEpochs says whether curves are drawn over epochs: if every run counts
// them and one of them is at least an epoch long.
func inEpochs(groups []group) bool {
	longest := 0.0
	for _, g := range groups {
		for _, run := range g.runs {
			n := len(run.Log.Steps)
			if n == 0 {
				continue
			}
			epoch := run.Log.Steps[n-1].Epoch
			if !(epoch > 0) {
				return false
			}
			longest = math.Max(longest, epoch)
		}
	}
	return longest >= 1
}

// panels are the figures that have something to draw.
func panels(groups []group) []panel {
	epochs := inEpochs(groups)
	var out []panel
	for _, f := range figures {
		if p := newPanel(f, groups, epochs); len(p.curves) > 0 {
			out = append(out, p)
		}
	}
	return out
}

// limits are the ends of the axes: those of the data, the vertical ones with
// a little room, none of them of zero length.
func (p panel) limits() (x0, x1, y0, y1 float64) {
	x0, x1 = math.Inf(1), math.Inf(-1)
	y0, y1 = math.Inf(1), math.Inf(-1)
	cover := func(runs ...[]point) {
		for _, points := range runs {
			for _, q := range points {
				x0, x1 = math.Min(x0, q.x), math.Max(x1, q.x)
				y0, y1 = math.Min(y0, q.low), math.Max(y1, q.high)
			}
		}
	}
	for _, c := range p.curves {
		cover(c.raw...)
		cover(c.seeds...)
		cover(c.mean)
	}
	for _, v := range p.unigrams {
		y0, y1 = math.Min(y0, v), math.Max(y1, v)
	}
	if x0 > 0 {
		x0 = 0
	}
	if x1 <= x0 {
		x1 = x0 + 1
	}
	if p.log {
		room := math.Max(math.Pow(y1/y0, 0.03), 1.02)
		return x0, x1, y0 / room, y1 * room
	}
	room := math.Max(0.03*(y1-y0), 0.01*math.Max(math.Abs(y0), math.Abs(y1))) // a flat curve is no zig-zag
	if room == 0 {
		room = 1
	}
	if y0 >= 0 && y0-room < 0 { // what cannot be negative has an axis from 0
		return x0, x1, 0, y1 + room
	}
	return x0, x1, y0 - room, y1 + room
}
