package report

import (
	"bytes"
	"math"
	"regexp"
	"testing"

	"github.com/kafisto/kafisto/internal/runlog"
	"pgregory.net/rapid"
)

// anyNumber draws ordinary, extreme and non-finite numbers.
func anyNumber() *rapid.Generator[float64] {
	return rapid.OneOf(rapid.Float64(), rapid.Float64Range(-2, 2),
		rapid.SampledFrom([]float64{0, math.NaN(), math.Inf(1), math.Inf(-1), math.MaxFloat64, -math.MaxFloat64, 5e-324, 1e-300, 1e300}))
}

// anyLog draws a log of at least one step with any numbers.
func anyLog() *rapid.Generator[*runlog.Log] {
	return rapid.Custom(func(t *rapid.T) *runlog.Log {
		log := &runlog.Log{}
		number := func(name string) float64 { return anyNumber().Draw(t, name) }
		adversarial := rapid.IntRange(0, 3).Draw(t, "adversarial") == 0
		for i := range rapid.IntRange(1, 60).Draw(t, "steps") {
			s := runlog.Step{Step: int64(i + 1), Epoch: number("epoch"), Loss: number("loss"), Seconds: number("seconds")}
			s.LearningRate = [3]float64{number("min"), number("median"), number("max")}
			if rapid.Bool().Draw(t, "filter") {
				s.Filter = &runlog.Filter{R: number("R"), Qx: number("qx"), P: rapid.SliceOfN(anyNumber(), 0, 4).Draw(t, "P")}
			}
			if adversarial {
				s.Critic = &runlog.Critic{Loss: number("critic loss"), Wasserstein: number("wasserstein"), Slope: number("slope"), GradientNorm: number("norm"), Filter: s.Filter}
			}
			log.Steps = append(log.Steps, s)
		}
		for i := range rapid.IntRange(0, 4).Draw(t, "evals") {
			e := runlog.Eval{Step: int64(i), Epoch: number("epoch"), Split: rapid.SampledFrom([]string{runlog.Validation, runlog.Test}).Draw(t, "split"), Loss: number("loss"), Top1Error: number("error"), Perplexity: number("perplexity"), UnigramPerplexity: number("unigram"), Seconds: number("seconds")}
			if rapid.Bool().Draw(t, "gan") {
				distance := number("distance")
				e.GAN = &runlog.GAN{Wasserstein: number("wasserstein"), Frechet: &distance, Features: "<b>cnn"}
			}
			log.Evals = append(log.Evals, e)
		}
		if rapid.Bool().Draw(t, "end") {
			log.End = &runlog.End{Status: rapid.SampledFrom([]string{runlog.StatusFinished, runlog.StatusStopped, runlog.StatusDiverged}).Draw(t, "status")}
		}
		return log
	})
}

func TestAnyNumbersAreReported(t *testing.T) {
	dir := t.TempDir()
	rapid.Check(t, func(rt *rapid.T) {
		r := Report{}
		for range rapid.IntRange(1, 4).Draw(rt, "runs") {
			r.Runs = append(r.Runs, Run{Label: "x", Group: rapid.SampledFrom([]string{"", "a", "b"}).Draw(rt, "group"), Log: anyLog().Draw(rt, "log")})
		}
		var b bytes.Buffer
		if err := WriteTable(&b, r); err != nil {
			rt.Fatal(err)
		}
		if err := WriteJSON(&b, r); err != nil {
			rt.Fatal(err)
		}
		if err := WriteEvaluations(&b, r); err != nil {
			rt.Fatal(err)
		}
		if page := html(rt, dir, r); regexp.MustCompile(`NaN|Inf`).MatchString(page) {
			rt.Fatal("the page holds a number that is none")
		}
	})
}
