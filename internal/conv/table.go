package conv

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"math"
	"sync"
)

// Row is a line of the table of measured times: what each lowering that can took for one problem on
// one engine.
type Row struct {
	Place   Place     `json:"engine"`
	Pass    Pass      `json:"pass"`
	Kernel  [2]int    `json:"kernel"`
	Stride  [2]int    `json:"stride"`
	Inputs  int       `json:"in"`
	Outputs int       `json:"out"`
	Size    [2]int    `json:"size"` // of the output
	Batch   int       `json:"batch"`
	Fastest []Measure `json:"fastest"` // the fastest first
}

// Measure is the time that a lowering took.
type Measure struct {
	Lowering     string  `json:"lowering"`
	Milliseconds float64 `json:"ms"`
}

//go:embed lowerings.json
var tableFile []byte

// table is the measured table, read once. A broken file is a mistake of the build, found by a test.
var table = sync.OnceValue(func() []Row {
	rows, err := parseTable(tableFile)
	if err != nil {
		panic(err)
	}
	return rows
})

func parseTable(file []byte) ([]Row, error) {
	var rows []Row
	if err := json.Unmarshal(file, &rows); err != nil {
		return nil, fmt.Errorf("conv: table of lowerings: %w", err)
	}
	for _, row := range rows {
		for _, m := range row.Fastest {
			if named(m.Lowering) == nil {
				return nil, fmt.Errorf("conv: table of lowerings: there is no lowering %q", m.Lowering)
			}
		}
	}
	return rows, nil
}

// defaults is the order in which lowerings are tried where no row of the table fits. The pure-Go
// backend's own convolution is loops, so everything is made matrix products there.
var defaults = map[Place][]string{
	OnGo:     {"pointwise", "patches"},
	OnCPU:    {"direct"},
	OnNative: {"native direct", "direct"},
	OnCUDA:   {"direct"}, // cuDNN
}

// choose is the one place where a lowering is picked: the fastest that can in the nearest row, else
// the first of the defaults that can.
func choose(place Place, pass Pass, p Problem) *lowering {
	var names []string
	if row := nearest(table(), place, pass, p); row != nil {
		names = row.preferred()
	}
	for _, name := range append(names, defaults[place]...) {
		if l := named(name); l.can(place, pass, p) {
			return l
		}
	}
	return patches // can everything
}

// equallyFast is how many times the least time still counts as no slower: measurements are not better.
const equallyFast = 1.15

// preferred are the row's lowerings, the best first: those that are as fast as the fastest in the order
// of lowerings, which puts the ones first that take less time to compile, and then the others.
func (r Row) preferred() (names []string) {
	for _, l := range lowerings {
		for _, m := range r.Fastest {
			if m.Lowering == l.name && m.Milliseconds <= equallyFast*r.Fastest[0].Milliseconds {
				names = append(names, l.name)
			}
		}
	}
	for _, m := range r.Fastest[len(names):] {
		names = append(names, m.Lowering)
	}
	return names
}

// nearest is the row for the same engine, pass, kernel and stride that is nearest in channels and
// pixels, by the sum of the differences of their logarithms; nil if there is none.
func nearest(rows []Row, place Place, pass Pass, p Problem) *Row {
	var best *Row
	least := math.Inf(1)
	far := func(a, b int) float64 { return math.Abs(math.Log2(float64(max(a, 1)) / float64(max(b, 1)))) }
	for i, row := range rows {
		if row.Place != place || row.Pass != pass || row.Kernel != p.Kernel || row.Stride != p.Stride {
			continue
		}
		distance := far(row.Inputs, p.Inputs) + far(row.Outputs, p.Outputs) +
			far(row.Batch*row.Size[0]*row.Size[1], p.Batch*p.Out[0]*p.Out[1])
		if distance < least {
			best, least = &rows[i], distance
		}
	}
	return best
}
