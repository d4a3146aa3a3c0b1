package report

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strconv"
)

// Dash stands for a figure that does not exist.
const Dash = "–"

// tasks are what runs or a figure are of, a set of bits.
type tasks uint8

const (
	classification tasks = 1 << iota // of images
	language                         // models
	generation                       // of images, by adversarial networks
	distances                        // Fréchet ones, of generated images
)

// column is one figure of the tables of groups and of runs.
type column struct {
	short       string // heading on a terminal
	long        string // heading on the page
	tasks       tasks  // that have it; 0 means all
	decimals    int    // fixed number of decimals, or
	significant int    // significant digits of the column's smallest mean, if not 0
	runDecimals int    // decimals in the table of runs
	pick        func(Summary) Stat
	of          func(measures) float64
	// ranks says whether the groups' figures may be ranked; nil means that they may.
	ranks func([]Summary) bool
}

// The columns that decide which group is the best.
var (
	finalErrorColumn = column{
		short: "final error %", long: "Final top-1 error, %", tasks: classification, decimals: 2, runDecimals: 2,
		pick: func(s Summary) Stat { return s.FinalError }, of: func(m measures) float64 { return m.finalError },
	}
	bestPerplexityColumn = column{
		short: "best perplexity", long: "Best validation perplexity", tasks: language, decimals: 2, runDecimals: 2,
		pick: func(s Summary) Stat { return s.BestPerplexity }, of: func(m measures) float64 { return m.bestPerplexity },
	}
	bestFrechetColumn = column{
		short: "best Fréchet", long: "Lowest Fréchet distance", tasks: distances, significant: 4, runDecimals: 2, ranks: frechetRanks,
		pick: func(s Summary) Stat { return s.BestFrechet }, of: func(m measures) float64 { return m.bestFrechet },
	}
)

// unranked is for figures that are not better when they are less.
func unranked([]Summary) bool { return false }

// columns are the figures of the tables; less is better in those that rank.
var columns = []column{
	finalErrorColumn,
	{
		short: "best error %", long: "Best top-1 error, %", tasks: classification, decimals: 2, runDecimals: 2,
		pick: func(s Summary) Stat { return s.BestError }, of: func(m measures) float64 { return m.bestError },
	},
	{
		short: "final perplexity", long: "Final validation perplexity", tasks: language, decimals: 2, runDecimals: 2,
		pick: func(s Summary) Stat { return s.FinalPerplexity }, of: func(m measures) float64 { return m.finalPerplexity },
	},
	bestPerplexityColumn,
	{
		short: "test perplexity", long: "Test perplexity", tasks: language, decimals: 2, runDecimals: 2,
		pick: func(s Summary) Stat { return s.TestPerplexity }, of: func(m measures) float64 { return m.testPerplexity },
	},
	{
		short: "final Fréchet", long: "Final Fréchet distance", tasks: distances, significant: 4, runDecimals: 2, ranks: frechetRanks,
		pick: func(s Summary) Stat { return s.FinalFrechet }, of: func(m measures) float64 { return m.finalFrechet },
	},
	bestFrechetColumn,
	{
		short: "Wasserstein", long: "Wasserstein estimate", tasks: generation, significant: 4, runDecimals: 4, ranks: unranked,
		pick: func(s Summary) Stat { return s.FinalWasserstein }, of: func(m measures) float64 { return m.finalWasserstein },
	},
	{
		short: "generator loss", long: "Generator's loss", tasks: generation, significant: 4, runDecimals: 4, ranks: unranked,
		pick: func(s Summary) Stat { return s.GeneratorLoss }, of: func(m measures) float64 { return m.generatorLoss },
	},
	{
		short: "critic loss", long: "Critic's loss", tasks: generation, significant: 4, runDecimals: 4, ranks: unranked,
		pick: func(s Summary) Stat { return s.CriticLoss }, of: func(m measures) float64 { return m.criticLoss },
	},
	{
		short: "validation loss", long: "Validation loss", tasks: classification | language, significant: 4, runDecimals: 4,
		pick: func(s Summary) Stat { return s.FinalLoss }, of: func(m measures) float64 { return m.finalLoss },
	},
	{
		short: "training loss", long: "Training loss", tasks: classification | language, significant: 4, runDecimals: 4,
		pick: func(s Summary) Stat { return s.TrainingLoss }, of: func(m measures) float64 { return m.trainingLoss },
	},
	{
		short: "s/step", long: "Seconds a step", significant: 3, runDecimals: 4,
		pick: func(s Summary) Stat { return s.StepSeconds }, of: func(m measures) float64 { return m.stepSeconds },
	},
	{
		short: "total s", long: "Total seconds", decimals: 1, runDecimals: 1,
		pick: func(s Summary) Stat { return s.TotalSeconds }, of: func(m measures) float64 { return m.totalSeconds },
	},
}

// tasksOf are the tasks of all groups; classification where nothing was evaluated.
func tasksOf(summaries []Summary) tasks {
	var all tasks
	for _, s := range summaries {
		all |= s.tasks
	}
	return cmp.Or(all, classification)
}

// shownColumns are those that any group may have.
func shownColumns(summaries []Summary) []column {
	all := tasksOf(summaries)
	return slices.DeleteFunc(slices.Clone(columns), func(c column) bool { return c.tasks != 0 && c.tasks&all == 0 })
}

// fits says whether the group may have the figure, as far as is known.
func (c column) fits(s Summary) bool { return c.tasks == 0 || s.tasks == 0 || c.tasks&s.tasks != 0 }

// cell is one entry of the summary table.
type cell struct {
	Text string
	Best bool // lowest of its column, as far as its decimals tell
}

// cells is a table: a row a summary, an entry a column.
func cells(summaries []Summary, columns []column) [][]cell {
	rows := make([][]cell, len(summaries))
	spread := severalSeeds(summaries)
	for _, c := range columns {
		decimals := c.places(summaries)
		best := FormatNumber(c.best(summaries), decimals)
		for i, s := range summaries {
			st := c.pick(s)
			text := FormatStat(st, decimals, spread)
			if st.N == 0 && s.Diverged > 0 && c.fits(s) {
				text = statusDiverged
			}
			rows[i] = append(rows[i], cell{
				Text: text,
				Best: best != Dash && s.Diverged == 0 && best == FormatNumber(st.Mean, decimals),
			})
		}
	}
	return rows
}

// severalSeeds says whether any group has more than one run, that is whether
// standard deviations are shown.
func severalSeeds(summaries []Summary) bool {
	for _, s := range summaries {
		if len(s.Seeds) > 1 {
			return true
		}
	}
	return false
}

// best is the lowest mean of the column among groups without a diverged run;
// NaN unless there are two groups to compare and the column ranks them.
func (c column) best(summaries []Summary) float64 {
	if c.ranks != nil && !c.ranks(summaries) {
		return math.NaN()
	}
	best, compared := math.NaN(), 0
	for _, s := range summaries {
		st := c.pick(s)
		if st.N > 0 || s.Diverged > 0 && c.fits(s) {
			compared++
		}
		if s.Diverged == 0 {
			best = lower(best, st.Mean)
		}
	}
	if compared < 2 {
		return math.NaN()
	}
	return best
}

// places is the number of decimals of the whole column.
func (c column) places(summaries []Summary) int {
	if c.significant == 0 {
		return c.decimals
	}
	smallest := math.Inf(1)
	for _, s := range summaries {
		if v := math.Abs(c.pick(s).Mean); v > 0 && v < smallest {
			smallest = v
		}
	}
	if math.IsInf(smallest, 1) {
		return 0
	}
	places := c.significant - 1 - int(math.Floor(math.Log10(smallest)))
	return min(max(places, 0), 6)
}

// FormatStat is "mean ± sd", with a dash for a deviation or a mean that does
// not exist; without spread it is the mean alone.
func FormatStat(s Stat, decimals int, spread bool) string {
	if s.N == 0 {
		return Dash
	}
	text := FormatNumber(s.Mean, decimals)
	if !spread {
		return text
	}
	if s.N < 2 {
		return text + " ± " + Dash
	}
	return text + " ± " + FormatNumber(s.SD, decimals)
}

// FormatNumber is v with the given decimals, in scientific form where that
// would be too long, and a dash where v is not finite.
func FormatNumber(v float64, decimals int) string {
	switch {
	case !finite(v):
		return Dash
	case math.Abs(v) >= 1e7:
		return fmt.Sprintf("%.3g", v)
	default:
		return strconv.FormatFloat(v, 'f', decimals, 64)
	}
}

// seedsNote is the number of seeds and what happened to them:
// "3", "3 (1 diverged)".
func seedsNote(s Summary) string {
	note := strconv.Itoa(len(s.Seeds))
	switch {
	case s.Diverged > 0 && s.Unfinished > 0:
		note += fmt.Sprintf(" (%d diverged, %d unfinished)", s.Diverged, s.Unfinished)
	case s.Diverged > 0:
		note += fmt.Sprintf(" (%d diverged)", s.Diverged)
	case s.Unfinished > 0:
		note += fmt.Sprintf(" (%d unfinished)", s.Unfinished)
	}
	return note
}
