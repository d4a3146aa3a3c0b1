package experiment

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/kafisto/kafisto/internal/job"
)

// duel is a grid of a GAN with two steps, and of a classifier.
const duel = `{
  "name": "duel", "title": "A GAN", "caption": "a test", "seeds": 1, "short-seeds": 1,
  "settings": {"model": "dcgan", "width": 2, "train-examples": 48, "eval-examples": 20, "batch-size": 4, "critic-steps": 2, "generated": 20, "steps": 2},
  "classifier": {"width": 2, "train-examples": 48, "eval-examples": 20, "batch-size": 16, "epochs": 1},
  "keys": ["optimizer"], "measures": ["fid", "frechet"],
  "rows": [{"keys": ["KaFiStO"], "settings": {"target": "offset:4", "velocity-decay": 0.5}, "paper": [[67.17, 14.93], null]}]}`

// TestGAN: the classifier is trained first, once, and the GAN's evaluations measure by
// its features; what is not FID does not stand under FID.
func TestGAN(t *testing.T) {
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	dir := t.TempDir()
	d := parse(t, duel)
	if text := d.PaperText(0, 0); text != "67.17 ± 14.93" {
		t.Errorf("the paper's number is %q", text)
	}
	c := &console{}
	o := options(t, dir, c)
	for range 2 {
		g, err := NewGrid([]Declaration{d}, Short, nil)
		if err != nil {
			t.Fatal(err)
		}
		if err := Open(dir, Short); err != nil {
			t.Fatal(err)
		}
		if err := g.Run(t.Context(), o); err != nil {
			t.Fatal(err)
		}
		if want := 48/16 + 2; c.steps != want {
			t.Errorf("%d steps, want %d", c.steps, want)
		}
		results, err := g.Results(dir)
		if err != nil {
			t.Fatal(err)
		}
		cells := results[0].Table().Rows[0].Cells
		if len(cells[0].Ours) != 0 || *cells[0].PaperSD != 14.93 || len(cells[1].Ours) != 1 || !(cells[1].Ours[0] > 0) {
			t.Errorf("cells %+v", cells)
		}
		gan := results[0].Runs[0].State.Record
		if last := gan.Log.Evals[len(gan.Log.Evals)-1]; !strings.HasPrefix(last.GAN.Features, "small-cnn of fashion-sample") {
			t.Errorf("measured by %q", last.GAN.Features)
		}
		if len(gan.Grids) != 2 {
			t.Errorf("%d grids of samples, want those of step 0 and 2", len(gan.Grids))
		}
	}
}

// TestFIDOfARun takes a run's FID for its last step alone, and no other figure for it.
func TestFIDOfARun(t *testing.T) {
	f := done()
	for _, c := range []struct {
		name    string
		samples int
		step    int64
		want    bool
	}{
		{"FID", 50_000, 3, true}, {"FID", 50_000, 2, false}, {"FID", 100, 3, false},
		{"FID with 100 samples against 50000 training images, not comparable with FID of 50,000 samples", 100, 3, false},
		{"Fréchet distance (not FID) on features of small-cnn", 50_000, 3, false},
	} {
		f.State.Record.Frechet = []job.Frechet{{Name: c.name, Step: c.step, Distance: 70.5, Samples: c.samples}}
		if value, ok := fid(f); ok != c.want || ok && value != 70.5 {
			t.Errorf("%s at step %d: %g, %v", c.name, c.step, value, ok)
		}
	}
}

// TestTable8 checks the declaration against the paper's settings.
func TestTable8(t *testing.T) {
	d := mustByName(t, "table8")
	cells, err := d.Cells(Full, d.DefaultSeeds(Full))
	if err != nil {
		t.Fatal(err)
	}
	if len(cells) != 16 {
		t.Fatalf("%d runs, want 2 optimizers with 2 numbers of critic steps and 4 seeds", len(cells))
	}
	var critics []int
	for _, c := range cells {
		s := c.Settings
		critics = append(critics, s.CriticSteps)
		if s.Dataset != "cifar10" || s.Epochs != 100 || s.BatchSize != 64 || s.WeightDecay != 0 {
			t.Errorf("settings %+v", s)
		}
		if s.Optimizer == "kafisto" && (s.Target != "offset:4" || s.VelocityDecay == nil || *s.VelocityDecay != 0.5) {
			t.Errorf("KaFiStO's settings %+v", s)
		}
		if s.Optimizer == "adam" && (*s.LearningRate != 2e-4 || s.Beta1 != 0.5 || s.Beta2 != 0.999) {
			t.Errorf("Adam's settings %+v", s)
		}
	}
	if !slices.Contains(critics, 1) || !slices.Contains(critics, 5) {
		t.Errorf("critic steps %v", critics)
	}
	if c, err := d.classifier(); err != nil || filepath.Base(c.Folder) != c.Folder || c.Settings.Model != "resnet18" {
		t.Errorf("classifier %+v, %v", c, err)
	}
}
