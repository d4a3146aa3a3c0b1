package report

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"math"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/kafisto/kafisto/internal/runlog"
)

// classifier names the one of the Fréchet distances here; people read it without hash.
const classifier = "small-cnn sha256:0123456789abcdef"

// ganLog is a log of a generative adversarial network of 10 steps between
// evaluations, each with a Wasserstein estimate and a Fréchet distance; one that is
// not above 0 is left out.
func ganLog(filtered bool, pairs ...[2]float64) *runlog.Log {
	log := &runlog.Log{End: &runlog.End{Type: runlog.TypeEnd, Status: runlog.StatusFinished}}
	for i := range 10 * (len(pairs) - 1) {
		x := float64(i)
		s := runlog.Step{
			Type: runlog.TypeStep, Step: int64(i + 1), Epoch: (x + 1) / 10, Loss: math.Sin(x) - 0.5, GradientNorm: 1 + x, LearningRate: [3]float64{1e-4, 1e-4, 1e-4}, Seconds: 0.1,
			Critic: &runlog.Critic{Loss: -3 - x, Wasserstein: 4 + x, Slope: 0.9, LearningRate: [3]float64{2e-4, 2e-4, 2e-4}, GradientNorm: 2},
		}
		if filtered {
			s.Filter = &runlog.Filter{R: 1, P: []float64{0.1, 0.02, 0.01}, Qx: 0.001}
			s.Critic.Filter = &runlog.Filter{R: 9, P: []float64{0.2}, Qx: 0.002}
		}
		log.Steps = append(log.Steps, s)
	}
	for i, pair := range pairs {
		g := &runlog.GAN{Wasserstein: pair[0], Generated: 500}
		if pair[1] > 0 {
			g.Frechet, g.Features = &pair[1], classifier
		}
		log.Evals = append(log.Evals, runlog.Eval{Type: runlog.TypeEval, Step: int64(10 * i), Epoch: float64(i), Split: runlog.Validation, Loss: -pair[0], GAN: g, Examples: 500, Seconds: 1})
	}
	return log
}

// gans is a report of two optimizers of GANs, one with two seeds.
func gans() Report {
	return Report{Title: "kafisto and adam on CIFAR-10", Runs: []Run{
		{Label: "kafisto seed 1", Group: "kafisto", Seed: 1, Log: ganLog(true, [2]float64{0.5, 90}, [2]float64{5, 30}, [2]float64{4, 32})},
		{Label: "kafisto seed 2", Group: "kafisto", Seed: 2, Log: ganLog(true, [2]float64{0.5, 92}, [2]float64{5, 36}, [2]float64{6, 34})},
		{Label: "adam seed 1", Group: "adam", Seed: 1, Log: ganLog(false, [2]float64{0.5, 91}, [2]float64{7, 40}, [2]float64{8, 41})},
	}}
}

// TestUntrainedGeneratorIsNeverTheBest: the distance before the first step is there to
// compare with.
func TestUntrainedGeneratorIsNeverTheBest(t *testing.T) {
	m := measure(ganLog(true, [2]float64{0.5, 20}, [2]float64{5, 90}, [2]float64{4, 80}, [2]float64{4, 85}))
	near(t, "best Fréchet", m.bestFrechet, 80)
	near(t, "final Fréchet", m.finalFrechet, 85)
}

func TestGANSummary(t *testing.T) {
	s := Summarize(gans())
	near(t, "final Fréchet", s[0].FinalFrechet.Mean, 33)
	near(t, "best Fréchet", s[0].BestFrechet.Mean, 32)
	near(t, "deviation", s[0].BestFrechet.SD, math.Sqrt(8))
	near(t, "Wasserstein", s[0].FinalWasserstein.Mean, 5)
	near(t, "critic's loss", s[1].CriticLoss.Mean, -3-9.5)
	if !slices.Equal(s[0].Features, []string{classifier}) || s[0].Examples != 500 {
		t.Errorf("%+v", s[0])
	}
	for name, stat := range map[string]Stat{"error": s[0].FinalError, "loss": s[0].FinalLoss, "best loss": s[0].BestLoss, "training loss": s[0].TrainingLoss} {
		if stat.N != 0 {
			t.Errorf("a GAN has no %s: %+v", name, stat)
		}
	}
	if images := Summarize(demo(1)); images[0].GeneratorLoss.N != 0 || images[0].TrainingLoss.N != 1 {
		t.Errorf("a network alone: %+v", images[0])
	}
}

func TestGANHeadline(t *testing.T) {
	without := gans()
	without.Runs[2].Log = ganLog(false, [2]float64{0.5, 0}, [2]float64{7, 0})
	other := gans()
	for _, e := range other.Runs[2].Log.Evals {
		e.GAN.Features = "resnet18"
	}
	part := gans() // one of two seeds has no distance
	part.Runs[1].Log = ganLog(true, [2]float64{0.5, 0}, [2]float64{7, 0})
	lost := gans()
	lost.Runs[1].Log.End.Status = runlog.StatusDiverged
	for want, reports := range map[string][]Report{
		"Lowest Fréchet distance on features of small-cnn (not FID): kafisto with 32.00 ± 2.83 over 2 seeds.": {gans()},
		"Lowest Fréchet distance on features of small-cnn (not FID): adam with 40.00 ± – (one seed).":         {lost},
		"": {without, other, part, {Runs: gans().Runs[:2]}},
	} {
		for _, r := range reports {
			if got := headline(Summarize(r)); got != want {
				t.Errorf("%q, want %q", got, want)
			}
		}
	}
	for _, r := range []Report{without, other, part} {
		rows := tableRows(Summarize(r))
		if marked := strings.Join(append(rows[1][2:7], rows[2][2:7]...), " "); strings.Contains(marked, "*") {
			t.Errorf("ranked without comparable distances: %s", marked)
		}
	}
	for i := range without.Runs {
		without.Runs[i].Log = ganLog(false, [2]float64{0.5, 0}, [2]float64{7, 0})
	}
	if header := strings.Join(tableRows(Summarize(without))[0], " "); strings.Contains(header, "Fréchet") || !strings.Contains(header, "Wasserstein") {
		t.Errorf("columns without distances: %s", header)
	}
}

func TestGANTable(t *testing.T) {
	table := writtenBy(t, func(w *bytes.Buffer) error { return WriteTable(w, gans()) })
	for _, want := range []string{
		"final Fréchet", "best Fréchet", "32.00 ± 2.83*", "Wasserstein", "5.000 ± 1.414 ", "critic loss",
		"Fréchet distance between training images and generated ones on features of small-cnn (not FID).",
	} {
		if !strings.Contains(table, want) {
			t.Errorf("the table lacks %q:\n%s", want, table)
		}
	}
	if found := regexp.MustCompile(`error|perplexity|training loss`).FindString(table); found != "" {
		t.Errorf("%q of GANs:\n%s", found, table)
	}
}

func TestGANJSON(t *testing.T) {
	var got struct{ Summary, Runs []map[string]any }
	if err := json.Unmarshal([]byte(writtenBy(t, func(w *bytes.Buffer) error { return WriteJSON(w, gans()) })), &got); err != nil {
		t.Fatal(err)
	}
	run := got.Runs[0]
	for name, want := range map[string]any{"final_frechet": 32.0, "best_frechet": 30.0, "final_validation_wasserstein": 4.0, "critic_loss": -12.5, "training_loss": nil, "final_validation_loss": nil, "final_top1_error": nil} {
		if run[name] != want {
			t.Errorf("%s of a run is %v, want %v", name, run[name], want)
		}
	}
	if stat, _ := got.Summary[1]["best_frechet"].(map[string]any); stat["mean"] != 40.0 {
		t.Errorf("summary %v", got.Summary[1])
	}
	if images := writtenBy(t, func(w *bytes.Buffer) error { return WriteJSON(w, demo(1)) }); regexp.MustCompile("frechet|critic|wasserstein|features").MatchString(images) {
		t.Error("a network alone has what GANs have")
	}
}

func TestGANEvaluations(t *testing.T) {
	r := gans()
	r.Runs = []Run{r.Runs[0], {Label: "cnn", Group: "cnn", Seed: 3, Log: handLog(2, 12.5)}}
	r.Runs[0].Log.Evals[1].GAN.Frechet = nil
	r.Runs[0].Log.Evals[1].GAN.Features = ""
	lines, err := csv.NewReader(strings.NewReader(writtenBy(t, func(w *bytes.Buffer) error { return WriteEvaluations(w, r) }))).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	want := [][]string{
		{"optimizer", "seed", "step", "epoch", "validation_loss", "validation_top1_error", "validation_top5_error", "validation_wasserstein", "validation_generated", "validation_frechet", "validation_features", "validation_examples"},
		{"kafisto", "1", "0", "0", "-0.5", "", "", "0.5", "500", "90", classifier, "500"},
		{"kafisto", "1", "10", "1", "-5", "", "", "5", "500", "", "", "500"},
		{"kafisto", "1", "20", "2", "-4", "", "", "4", "500", "32", classifier, "500"},
	}
	if len(lines) != 5 || !slices.EqualFunc(lines[:4], want, slices.Equal[[]string]) {
		t.Errorf("%q, want %q", lines, want)
	}
	if cnn := lines[4]; cnn[5] != "12.5" || !slices.Equal(cnn[7:11], []string{"", "", "", ""}) {
		t.Errorf("of images: %q", cnn)
	}
}

func TestGANFigures(t *testing.T) {
	names := func(r Report) (all []string) {
		for _, p := range panels(r.groups()) {
			all = append(all, p.name)
			if p.dropped > 0 || p.log && strings.Contains(p.name, "loss") {
				t.Errorf("%s: %d values are not drawn, logarithmic: %t", p.name, p.dropped, p.log)
			}
		}
		return all
	}
	of := names(gans())
	want := []string{
		"frechet", "validation-wasserstein", "wasserstein", "generator-loss", "critic-loss", "slope",
		"generator-gradient-norm", "critic-gradient-norm", "generator-learning-rate", "critic-learning-rate",
		"generator-parameter-variance", "generator-cross-covariance", "generator-velocity-variance", "generator-measurement-noise", "generator-state-noise",
		"critic-parameter-variance", "critic-measurement-noise", "critic-state-noise",
	}
	if !slices.Equal(of, want) {
		t.Errorf("figures of GANs %q, want %q", of, want)
	}
	mixed := gans()
	mixed.Runs = append(mixed.Runs, demo(1).Runs...)
	if n := len(names(mixed)); n != len(want)+imageFigures {
		t.Errorf("%d figures of both tasks", n)
	}
	page := html(t, t.TempDir(), mixed)
	for _, want := range []string{"Lowest final top-1 error", "Lowest Fréchet distance", "losses of generator and critic are, too"} {
		if !strings.Contains(page, want) {
			t.Errorf("the page of both tasks lacks %q", want)
		}
	}
	losses := figures[slices.IndexFunc(figures, func(f figure) bool { return f.name == "critic-loss" })]
	if points := losses.series(gans().Runs[0].Log); len(points) != 20 || points[3].y != -6 {
		t.Errorf("critic's losses %v", points)
	}
}

func TestHostileFeaturesAreEscaped(t *testing.T) {
	r := gans()
	for _, e := range r.Runs[0].Log.Evals {
		e.GAN.Features = `"><script>alert(1)</script>`
	}
	dir := t.TempDir()
	if page := html(t, dir, r); strings.Contains(page, "<script") {
		t.Error("the page holds markup from outside")
	}
	paths, err := WriteFigures(dir, Report{Runs: r.Runs[:1]})
	if err != nil {
		t.Fatal(err)
	}
	svg, err := os.ReadFile(paths[1])
	if err != nil || !strings.HasSuffix(paths[1], "frechet.svg") || bytes.Contains(svg, []byte("<script")) {
		t.Errorf("%s: %v", paths[1], err)
	}
	if err := wellFormed(string(svg)); err != nil {
		t.Error(err)
	}
}
