package search

import (
	"bytes"
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/kafisto/kafisto/internal/grid"
	"github.com/kafisto/kafisto/internal/job"
	"github.com/kafisto/kafisto/internal/report"
	"github.com/kafisto/kafisto/internal/runlog"
)

// TestRank: finished trials by the mean, with shared places; then unfinished ones,
// then those that diverged, however good their other runs are.
func TestRank(t *testing.T) {
	runs := make([]grid.Run, 2)
	result := func(number, finished, diverged int, best, final float64) Result {
		n := 2 - diverged
		return Result{
			Trial: Trial{Number: number}, Finished: finished, Diverged: diverged, Runs: runs,
			Best: report.Stat{N: n, Mean: best}, Final: report.Stat{N: n, Mean: final},
		}
	}
	all := []Result{
		result(1, 1, 1, 1, 1),
		result(2, 2, 0, 30, 31),
		result(3, 1, 0, 2, 2),
		result(4, 2, 0, 20, 41),
		result(5, 0, 2, math.NaN(), math.NaN()),
		result(6, 2, 0, 20, 40),
		result(7, 2, 0, 20, 41),
		result(8, 0, 0, math.NaN(), math.NaN()),
		result(9, 2, 0, 40, 30),
	}
	for by, want := range map[RankBy]struct{ order, ranks []int }{
		Best:  {[]int{6, 4, 7, 2, 9, 3, 8, 1, 5}, []int{1, 1, 1, 4, 5, 0, 0, 0, 0}},
		Final: {[]int{9, 2, 6, 4, 7, 3, 8, 1, 5}, []int{1, 2, 3, 4, 4, 0, 0, 0, 0}},
	} {
		r := Results{RankBy: by, Ranked: slices.Clone(all)}
		r.rank()
		var order, ranks []int
		for _, result := range r.Ranked {
			order, ranks = append(order, result.Number), append(ranks, result.Rank)
		}
		if !slices.Equal(order, want.order) || !slices.Equal(ranks, want.ranks) {
			t.Errorf("by %s: trials %v with ranks %v, want %v with %v", by, order, ranks, want.order, want.ranks)
		}
		if winner, err := r.Winner(); err != nil || winner.Number != want.order[0] {
			t.Errorf("by %s: the winner is %+v, %v", by, winner, err)
		}
	}
	bestLoss, finalLoss := all[6], all[3]
	bestLoss.bestLoss, bestLoss.finalLoss = 800, 900
	finalLoss.bestLoss, finalLoss.finalLoss = 810, 890
	for by, want := range map[RankBy]int{Best: 7, Final: 4} {
		r := Results{RankBy: by, Ranked: []Result{finalLoss, bestLoss}}
		r.rank()
		if r.Ranked[0].Number != want || r.Ranked[1].Rank != 1 {
			t.Errorf("by %s, of the same measure: %+v", by, r.Ranked)
		}
	}
	var statuses []string
	for _, result := range all[:5] {
		statuses = append(statuses, result.Status())
	}
	if want := []string{"1 of 2 diverged", "done", "1 of 2 done", "done", "2 of 2 diverged"}; !slices.Equal(statuses, want) {
		t.Errorf("statuses %q", statuses)
	}
	for want, ranked := range map[error][]Result{ErrAllDiverged: all[4:5], ErrNoneFinished: {all[2], all[4]}} {
		none := Results{Ranked: ranked}
		if _, err := none.Winner(); err != want {
			t.Errorf("there is a winner: %v, want %v", err, want)
		}
	}
}

// TestResultsOfNothing: a search of which nothing was run has a table too, and no
// best settings, not even earlier ones.
func TestResultsOfNothing(t *testing.T) {
	dir := t.TempDir()
	r, err := newSearch(t, plan(nil, "momentum=0,0.5")).Results(dir, Best)
	if err != nil {
		t.Fatal(err)
	}
	var table, object bytes.Buffer
	if err := r.WriteText(&table); err != nil || strings.Count(table.String(), "not run") != 2 {
		t.Errorf("%v, table %s", err, table.String())
	}
	if err := r.WriteJSON(&object); err != nil || !json.Valid(object.Bytes()) || !strings.Contains(object.String(), `"momentum": 0.5`) {
		t.Errorf("%v, object %s", err, object.String())
	}
	if err := os.WriteFile(filepath.Join(dir, BestFile), []byte("{}"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := r.Save(dir); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(dir, BestFile)); !os.IsNotExist(err) || len(r.Records(9)) != 0 {
		t.Errorf("there is a best trial (%v)", err)
	}
}

func TestLanguageModelsAreComparedByPerplexity(t *testing.T) {
	s := job.Defaults()
	s.Dataset = "shakespeare"
	m := measureOf(s)
	if e := (runlog.Eval{Perplexity: 110, Top1Error: 0}); m.name != "perplexity" || m.of(e) != 110 {
		t.Errorf("%s is %v", m.name, m.of(e))
	}
	capped := runlog.Eval{Perplexity: math.MaxFloat64, Loss: 900}
	if lower := (runlog.Eval{Perplexity: math.MaxFloat64, Loss: 800}); m.compare(capped, lower) <= 0 {
		t.Error("of perplexities that are too large for a number, the loss does not decide")
	}
}

func TestGANsAreComparedByFrechetDistance(t *testing.T) {
	s := job.Defaults()
	s.Model, s.Target = "dcgan", "offset:4"
	m := measureOf(s)
	distance := 31.5
	with, without := runlog.Eval{Loss: -1, GAN: &runlog.GAN{Frechet: &distance}}, runlog.Eval{Loss: -9, GAN: &runlog.GAN{}}
	if m.name != "Fréchet distance" || m.of(with) != 31.5 || m.compare(with, without) >= 0 || stat([]runlog.Eval{without}, m.of).N != 0 {
		t.Errorf("%s is %v and %v", m.name, m.of(with), m.of(without))
	}
	p := Plan{Base: s, Over: []string{"learning-rate=1,0.1"}, Seeds: []int64{1}}
	if _, err := New(p); err == nil || !strings.Contains(err.Error(), "--features") {
		t.Errorf("a search that nothing could be ranked by: %v", err)
	}
	p.Base.Features = "runs/classifier"
	if _, err := New(p); err != nil {
		t.Error(err)
	}
}
