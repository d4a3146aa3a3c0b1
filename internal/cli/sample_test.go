package cli

import (
	"bytes"
	"context"
	"fmt"
	"image/png"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/kafisto/kafisto/internal/imagegrid"
	"github.com/kafisto/kafisto/internal/job"
	"github.com/kafisto/kafisto/internal/runlog"
	"github.com/kafisto/kafisto/internal/train"
)

// tinyGAN are settings of a GAN's run of a second.
var tinyGAN = []string{"train", "--dataset=fashion-sample", "--model=dcgan", "--width=2", "--batch-size=4", "--critic-steps=2",
	"--train-examples=32", "--eval-examples=20", "--generated=70", "--steps=4", "--eval-every=2", "--optimizer=adam", "--engine=go"}

func readFile(t *testing.T, path string) []byte {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// TestSampleMakesTheRunsImages trains a GAN, and finds the run's own grids in its
// report and in what its checkpoint makes.
func TestSampleMakesTheRunsImages(t *testing.T) {
	dir, out := filepath.Join(t.TempDir(), "gan"), t.TempDir()
	r := succeed(t, with(tinyGAN, "--dir", dir)...)
	if strings.Count(r.stderr, " validation Wasserstein ") != 3 || !strings.Contains(r.stdout, "\nvalidation Wasserstein ") || strings.Contains(r.stdout+r.stderr, "top-1") {
		t.Errorf("of a GAN it says %q, %q", r.stdout, r.stderr)
	}
	grids := record(t, dir).Grids
	if len(grids) != 3 || grids[0].Step != 0 || grids[2].Path != filepath.Join(dir, train.SamplesFolder, imagegrid.Name(4)) {
		t.Fatalf("grids %v", grids)
	}
	page := string(readFile(t, filepath.Join(dir, "report.html")))
	for _, want := range []string{`alt="Samples of adam seed 1 after step 0"`, `alt="Samples of adam seed 1 after step 4"`, "generator.learning-rate", "batch size 4, 2 critic steps a step"} {
		if !strings.Contains(page, want) {
			t.Errorf("the page lacks %q", want)
		}
	}
	before := listing(t, dir)
	picture := filepath.Join(out, "a.png")
	if text := succeed(t, "sample", dir, "--out", picture).stdout; !strings.HasPrefix(text, "64 images of step 4, seed 1: ") {
		t.Errorf("%q", text)
	}
	if !bytes.Equal(readFile(t, picture), readFile(t, grids[2].Path)) {
		t.Error("the checkpoint makes other images than those of the run's last grid")
	}
	other := filepath.Join(out, "b.png")
	got := ofType(objects(t, succeed(t, "sample", dir, "--seed=9", "--count=5", "--columns=3", "--out", other, "--json").stdout), "sampled")
	if len(got) != 1 || got[0]["images"] != 5.0 || got[0]["seed"] != 9.0 || got[0]["step"] != 4.0 || got[0]["path"] != other {
		t.Errorf("as JSON: %v", got)
	}
	if config, err := png.DecodeConfig(bytes.NewReader(readFile(t, other))); err != nil || config.Width != 2+3*30 || config.Height != 2+2*30 {
		t.Errorf("%+v, %v", config, err)
	}
	folder := filepath.Join(out, "each")
	succeed(t, "sample", dir, "--count=3", "--folder", folder)
	if files, err := filepath.Glob(filepath.Join(folder, "*")); err != nil || len(files) != 3 || filepath.Base(files[2]) != "00002.png" {
		t.Errorf("%v, %v", files, err)
	}
	if text := succeed(t, "eval", dir).stdout; !strings.Contains(text, "validation Wasserstein ") || !strings.Contains(text, "20 images against 70 generated, step 4") {
		t.Errorf("evaluation %q", text)
	}
	if after := listing(t, dir); after != before {
		t.Errorf("the run's folder was changed: %s, then %s", before, after)
	}
	sampleRefuses(t, dir, picture, folder)
}

// sampleRefuses gives the command what it must refuse: existing files among it.
func sampleRefuses(t *testing.T, dir, picture, folder string) {
	t.Helper()
	images := filepath.Join(t.TempDir(), "images")
	succeed(t, with([]string{"train", "--quiet", "--dir", images}, tiny...)...)
	out := t.TempDir()
	free := "--out=" + filepath.Join(out, "new.png")
	for _, c := range []struct {
		args []string
		code int
		says string
	}{
		{[]string{images, free}, exitFailed, "no images"},
		{[]string{out, free}, exitFailed, "no run"},
		{[]string{dir, free, "--checkpoint", checkpointOf(t, images)}, exitFailed, "another model"},
		{[]string{dir, "--out", filepath.Join(out, "nothere", "a.png")}, exitUsage, "no folder"},
		{[]string{dir, "--out", picture}, exitUsage, "there already"},
		{[]string{dir, "--out", filepath.Join(out, "a.jpg")}, exitUsage, ".png"},
		{[]string{dir, "--folder", folder}, exitUsage, "not an empty folder"},
		{[]string{dir, "--folder", picture}, exitUsage, "not an empty folder"},
		{[]string{dir, "--folder", folder, free}, exitUsage, "together"},
		{[]string{dir, free, "--count=0"}, exitUsage, "images"},
		{[]string{dir, free, "--count=10001"}, exitUsage, "10001 images"},
		{[]string{dir, free, "--columns=0"}, exitUsage, "columns"},
		{[]string{dir, free, "--engine=tpu"}, exitUsage, "tpu"},
		{[]string{dir, free, "--seed=-1"}, exitUsage, "seed"},
	} {
		r := run(t, with([]string{"sample"}, c.args...)...)
		if r.code != c.code || !strings.Contains(r.stderr, c.says) || strings.Count(r.stderr, "\n") != 1 || r.stdout != "" {
			t.Errorf("%v: exit code %d, %q and %q; want %d and a sentence with %q", c.args, r.code, r.stdout, r.stderr, c.code, c.says)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if r := runUnder(t, ctx, nil, "sample", dir, free); r.code != exitStopped || !strings.Contains(r.stderr, "stopped after 0 of 64 images") {
		t.Errorf("stopped: exit code %d, %q", r.code, r.stderr)
	}
	if left, err := os.ReadDir(out); err != nil || len(left) != 0 {
		t.Errorf("%v are left, %v", left, err)
	}
}

// ganStep is a step of a GAN.
func ganStep(i int64) runlog.Step {
	s := step(i)
	s.Loss, s.Critic = -0.5, &runlog.Critic{Loss: -3.21, Wasserstein: 4.05}
	return s
}

func TestProgressOfAGAN(t *testing.T) {
	m := meter{label: "kafisto:variant=paper,learning-rate=0.5 seed 1", total: 234567, now: ticking(time.Second)}
	m.begin(0, 234567)
	m.step(ganStep(1))
	m.step(ganStep(123456))
	p := m.progress()
	if want := " generator -0.500 critic -3.210 Wasserstein 4.050 lr 0.013"; !strings.Contains(p.text(), want) {
		t.Errorf("%q lacks %q", p.text(), want)
	}
	p.StepsPerSecond, p.Seconds = 12.345, 40000
	text := p.shortText()
	if want := "kafisto…5 seed 1 123456/234567 Wass. 4.05 12.3/s ETA 11:06:40"; text != want {
		t.Errorf("%q, want %q", text, want)
	}
	if bar := len("100% |          |  "); bar+len([]rune(text)) > 80 {
		t.Errorf("%d characters", bar+len([]rune(text)))
	}
	var out bytes.Buffer
	c := jsonConsole{session: &session{stdout: &out, json: true}, meter: meter{label: "a", now: ticking(time.Minute)}}
	c.Begin(0, 9)
	c.Step(ganStep(1))
	if shown := ofType(objects(t, out.String()), "progress"); len(shown) != 1 || shown[0]["critic_loss"] != -3.21 || shown[0]["wasserstein"] != 4.05 || shown[0]["loss"] != -0.5 {
		t.Errorf("as JSON: %v", shown)
	}
}

func TestEvaluationOfAGAN(t *testing.T) {
	m := meter{label: "adam seed 1", total: 40}
	distance, lower := 31.2, 30.0
	last := runlog.Eval{Step: 20, Epoch: 1, Split: "validation", Loss: -4.05, GAN: &runlog.GAN{Wasserstein: 4.05, Generated: 500}}
	if got, want := m.evalText(last), "adam seed 1: step 20/40 epoch 1.00 validation Wasserstein 4.05"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	best := last
	best.Step, best.GAN = 10, &runlog.GAN{Frechet: &lower, Features: "small-cnn"}
	if got, want := ganResult(&last, &best), "validation Wasserstein 4.05"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	last.GAN.Frechet, last.GAN.Features = &distance, "small-cnn"
	if got, want := m.evalText(last), "validation Wasserstein 4.05, Fréchet 31.20 (small-cnn, not FID)"; !strings.HasSuffix(got, want) {
		t.Errorf("%q does not end with %q", got, want)
	}
	if got, want := ganResult(&last, &best), "validation Wasserstein 4.05, Fréchet 31.20 (small-cnn, not FID); lowest Fréchet 30.00 at step 10"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

func TestSettingsOfAGANsOptimizers(t *testing.T) {
	r := job.Record{Settings: job.Defaults(), Optimizer: map[string]any{
		"generator": map[string]any{"learning_rate": 1.0, "scope": "a", "R": map[string]any{"adaptive": true, "value": 2.0}},
		"critic":    map[string]any{"learning_rate": 0.1},
	}}
	r.Settings.Model = "dcgan"
	got := reportedSettings(r)
	if want := "map[R:map[adaptive:true start:2] learning-rate:1]"; fmt.Sprint(got["generator"]) != want {
		t.Errorf("generator %v, want %s", got["generator"], want)
	}
	if want := "map[learning-rate:0.1]"; fmt.Sprint(got["critic"]) != want {
		t.Errorf("critic %v, want %s", got["critic"], want)
	}
}
