package search

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"path/filepath"
	"slices"

	"github.com/kafisto/kafisto/internal/grid"
	"github.com/kafisto/kafisto/internal/job"
	"github.com/kafisto/kafisto/internal/report"
	"github.com/kafisto/kafisto/internal/runlog"
)

// Results are a search's trials with what their runs have left, in their order:
// first the finished ones by their measure, then the others, last those that
// diverged.
type Results struct {
	*Search
	RankBy RankBy
	Ranked []Result

	measure measure
}

// Result is a trial and what its runs have left.
type Result struct {
	Trial
	// Rank is the trial's place, from 1, among those whose runs have all finished;
	// trials with the same measure share it. 0 is for the others.
	Rank     int
	Diverged int         // runs that did
	Finished int         // runs that did
	Best     report.Stat // the runs' lowest measures, of runs that have not diverged
	Final    report.Stat // the runs' last measures, of runs that have not diverged
	Epochs   float64     // that each run has done
	Runs     []grid.Run
	records  []job.Record

	bestLoss, finalLoss float64 // means over the evaluations of Best and of Final
}

// Results reads the results folder, of a search that goes on too, and ranks the
// trials. Nothing is changed.
func (s *Search) Results(dir string, by RankBy) (Results, error) {
	r := Results{Search: s, RankBy: by, measure: measureOf(s.Tried[0].Settings)}
	for _, t := range s.Tried {
		result, err := s.result(dir, t, r.measure)
		if err != nil {
			return Results{}, err
		}
		r.Ranked = append(r.Ranked, result)
	}
	r.rank()
	return r, nil
}

// result reads a trial's runs.
func (s *Search) result(dir string, t Trial, m measure) (Result, error) {
	r := Result{Trial: t, Epochs: math.Inf(1)}
	var best, final []runlog.Eval
	for _, seed := range s.Seeds {
		run := s.run(t, seed)
		r.Runs = append(r.Runs, run)
		state, err := job.Look(filepath.Join(dir, grid.RunsFolder, run.Folder), run.Settings)
		if err != nil {
			return Result{}, err
		}
		var steps []runlog.Step
		var evals []runlog.Eval
		if state.Record != nil {
			steps, evals = state.Record.Log.Steps, state.Record.Log.Deciding()
		}
		epochs := 0.0
		if len(steps) > 0 {
			r.records = append(r.records, *state.Record)
			epochs = steps[len(steps)-1].Epoch
		}
		r.Epochs = min(r.Epochs, epochs)
		switch {
		case state.Diverged:
			r.Diverged++
			continue
		case state.Done:
			r.Finished++
		}
		if len(evals) > 0 {
			best = append(best, slices.MinFunc(evals, m.compare))
			final = append(final, evals[len(evals)-1])
		}
	}
	r.Best, r.Final = stat(best, m.of), stat(final, m.of)
	r.bestLoss, r.finalLoss = stat(best, loss).Mean, stat(final, loss).Mean
	return r, nil
}

// stat is over what the evaluations measure.
func stat(evals []runlog.Eval, of func(runlog.Eval) float64) report.Stat {
	values := make([]float64, len(evals))
	for i, e := range evals {
		values[i] = of(e)
	}
	return report.NewStat(values)
}

// rank sorts the trials and gives the finished ones their places. Where the measure
// is the same, the loss decides the order, then the other of best and final, and then
// who came first.
func (r *Results) rank() {
	value, loss, other := Result.best, Result.lossAtBest, Result.final
	if r.RankBy == Final {
		value, loss, other = Result.final, Result.lossAtEnd, Result.best
	}
	slices.SortStableFunc(r.Ranked, func(a, b Result) int {
		byClass := cmp.Or(cmp.Compare(a.class(), b.class()), cmp.Compare(a.Diverged, b.Diverged))
		if byClass != 0 || a.class() != finished {
			return byClass
		}
		return cmp.Or(cmp.Compare(value(a), value(b)), cmp.Compare(loss(a), loss(b)), cmp.Compare(other(a), other(b)))
	})
	for i := range r.Ranked {
		switch this := &r.Ranked[i]; {
		case this.class() != finished:
		case i > 0 && value(*this) == value(r.Ranked[i-1]):
			this.Rank = r.Ranked[i-1].Rank
		default:
			this.Rank = i + 1
		}
	}
}

func (r Result) best() float64       { return r.Best.Mean }
func (r Result) final() float64      { return r.Final.Mean }
func (r Result) lossAtBest() float64 { return r.bestLoss }
func (r Result) lossAtEnd() float64  { return r.finalLoss }

// Classes of trials, in their order.
const (
	finished = iota
	unfinished
	diverged
)

func (r Result) class() int {
	switch {
	case r.Diverged > 0:
		return diverged
	case r.Finished < len(r.Runs) || r.Best.N < len(r.Runs):
		return unfinished
	}
	return finished
}

// Status says in words how the trial stands.
func (r Result) Status() string {
	n := len(r.Runs)
	switch {
	case r.Diverged == 1 && n == 1:
		return "diverged"
	case r.Diverged > 0:
		return fmt.Sprintf("%d of %d diverged", r.Diverged, n)
	case r.class() == finished:
		return "done"
	case r.Finished == 0 && len(r.records) == 0:
		return "not run"
	case n == 1:
		return "in progress"
	}
	return fmt.Sprintf("%d of %d done", r.Finished, n)
}

// Why there is no best trial.
var (
	ErrAllDiverged  = errors.New("search: no trial has finished without diverging")
	ErrNoneFinished = errors.New("search: no trial has finished all its runs yet")
)

// Winner is the trial that is best. Without one that has finished the error is
// ErrAllDiverged or ErrNoneFinished.
func (r Results) Winner() (Trial, error) {
	switch best := r.Ranked[0]; best.class() {
	case finished:
		return best.Trial, nil
	case unfinished:
		return Trial{}, ErrNoneFinished
	default:
		return Trial{}, ErrAllDiverged
	}
}

// Records are the runs of the first so many trials that have done a step, each
// under its trial's number and values.
func (r Results) Records(trials int) []job.Record {
	var records []job.Record
	for _, result := range r.Ranked[:min(trials, len(r.Ranked))] {
		for _, record := range result.records {
			record.Settings.Engine, record.Settings.DataDir = "", "" // the log has the engine
			record.About.Group = fmt.Sprintf("trial %d: %s", result.Number, r.Text(result.Trial))
			records = append(records, record)
		}
	}
	return records
}
