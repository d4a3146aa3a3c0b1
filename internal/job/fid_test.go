package job

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/gomlx/gomlx/ml/model"

	"github.com/kafisto/kafisto/internal/checkpoint"
	"github.com/kafisto/kafisto/internal/fid/inception"
	"github.com/kafisto/kafisto/internal/runlog"
	"github.com/kafisto/kafisto/internal/task"
	"github.com/kafisto/kafisto/internal/train"
)

// silent is a console that shows nothing.
type silent struct{}

func (silent) Begin(_, _ int64) {}
func (silent) Step(runlog.Step) {}
func (silent) Eval(runlog.Eval) {}
func (silent) Message(string)   {}
func (silent) End()             {}

// quiet are the options of a run in a folder.
func quiet(dir string) Options { return Options{Dir: dir, Console: silent{}, Offline: true} }

// classifierRun trains a small classifier for a few steps and returns its folder.
func classifierRun(t *testing.T) string {
	t.Helper()
	s := Defaults()
	s.Engine, s.Width, s.Steps, s.TrainExamples, s.EvalExamples, s.BatchSize, s.Optimizer = "go", 2, 4, 64, 50, 16, "sgd"
	dir := filepath.Join(t.TempDir(), "classifier")
	if _, err := Run(t.Context(), s, quiet(dir)); err != nil {
		t.Fatal(err)
	}
	return dir
}

// generating is a narrow DCGAN that was not trained, as a checkpoint of it is opened.
func generating(t *testing.T) (*opened, *task.Generator) {
	t.Helper()
	s := Defaults()
	s.Model, s.Width, s.Engine = "dcgan", 1, "go"
	e, err := OpenEngine(t.Context(), s, quiet(""))
	if err != nil {
		t.Fatal(err)
	}
	w := &opened{settings: s, saved: &checkpoint.Checkpoint{Manifest: checkpoint.Manifest{Meta: checkpoint.Meta{Step: 7}}}, store: model.NewStore(), engine: e}
	t.Cleanup(w.close)
	generator, err := w.generator("here")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(generator.Close)
	return w, generator
}

// TestFigure compares images of a generator with some of the embedded data set by the features of a
// classifier: twice the same, with the training images' statistics from the cache the second time.
func TestFigure(t *testing.T) {
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	w, generator := generating(t)
	if _, err := generator.Images(t.Context(), generator.Latents(1, 1), nil); err != nil { // creates the variables
		t.Fatal(err)
	}
	stages := map[string]int{}
	c := Comparison{Saved: Saved{Dir: t.TempDir()}, Samples: 30, Against: 40, Seed: 3, Classifier: classifierRun(t),
		Progress: func(what string, _, _ int) { stages[what]++ }}
	compare := func(ctx context.Context) (Frechet, error) {
		features, batch, err := c.features(ctx, w, quiet(""))
		if err != nil {
			t.Fatal(err)
		}
		defer features.Close()
		return c.figure(ctx, w, generator, features, batch, quiet(""))
	}
	first, err := compare(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if !(first.Distance > 0) || first.Name != "Fréchet distance (not FID) on features of small-cnn of fashion-sample at step 4" ||
		first.Samples != 30 || first.Against != 40 || first.Step != 7 || !strings.HasPrefix(first.Features, "small-cnn of fashion-sample step 4 sha256:") {
		t.Errorf("%+v", first)
	}
	again, err := compare(t.Context())
	if want := map[string]int{"features of training images": 1, "generated images": 2, "features of generated images": 2}; err != nil || again != first || !reflect.DeepEqual(stages, want) {
		t.Errorf("again: %+v (%v) after %v", again, err, stages)
	}
	c.Seed = 4
	if other, err := compare(t.Context()); err != nil || other.Distance == first.Distance {
		t.Errorf("another seed: %+v, %v", other, err)
	}
	c.Against = 0
	if images, all, err := c.training(t.Context(), w, quiet("")); err != nil || images.Len() != 10_000 || all <= images.Len() {
		t.Errorf("the embedded sample's %d images are all of %d, %v", images.Len(), all, err)
	}
	stopped, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := compare(stopped); !errors.Is(err, train.ErrStopped) {
		t.Errorf("stopped: %v", err)
	}
}

func TestCompareRefuses(t *testing.T) {
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	dir := classifierRun(t)
	garbage := filepath.Join(t.TempDir(), "garbage.pth")
	if err := os.WriteFile(garbage, []byte("no weights at all"), 0o644); err != nil {
		t.Fatal(err)
	}
	w, generator := generating(t)
	for says, c := range map[string]Comparison{
		"1 samples":                      {Samples: 1},
		"trains small-cnn, which":        {Saved: Saved{Dir: dir, Checkpoint: NewestCheckpoint}, Samples: 2},
		"there is no run in " + t.Name(): {Saved: Saved{Dir: t.Name()}, Samples: 2},
	} {
		if _, err := Compare(t.Context(), c, quiet("")); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("error %v, want one with %q", err, says)
		}
	}
	for says, c := range map[string]Comparison{
		"both a file": {Classifier: dir, Weights: garbage},
		garbage:       {Weights: garbage},
		"download https://github.com/mseitzer/pytorch-fid/releases/download/fid_weights/pt_inception-2015-12-05-6726825d.pth yourself": {},
		"--classifier, whose figure is another one and not FID":                                                                        {},
		"no run in " + t.Name(): {Classifier: t.Name()},
	} {
		if _, _, err := c.features(t.Context(), w, quiet("")); err == nil || !strings.Contains(err.Error(), says) || strings.Contains(err.Error(), "\n") {
			t.Errorf("error %v, want one with %q", err, says)
		}
	}
	if _, err := w.generate(t.Context(), generator, 1, 2, nil); !errors.Is(err, train.ErrOtherModel) {
		t.Errorf("a checkpoint without a generator: %v", err)
	}
}

func TestOpenClassifierRefuses(t *testing.T) {
	w, _ := generating(t)
	dir := classifierRun(t)
	if _, err := OpenClassifier(bestOf(dir), "cifar10", w.engine.Backend, quiet("")); err == nil || !strings.Contains(err.Error(), "is of fashion-sample, not of cifar10") {
		t.Errorf("another data set: %v", err)
	}
	if err := os.RemoveAll(filepath.Join(dir, train.CheckpointsFolder)); err != nil {
		t.Fatal(err)
	}
	if _, err := OpenClassifier(bestOf(dir), "fashion-sample", w.engine.Backend, quiet("")); !errors.Is(err, checkpoint.ErrNone) {
		t.Errorf("without a checkpoint: %v", err)
	}
}

// TestExactNames: FID is what the reference protocol has, and nothing less.
func TestExactNames(t *testing.T) {
	for _, c := range []struct {
		figure                string
		samples, against, all int
		want                  string
	}{
		{inception.FID, 50_000, 50_000, 50_000, "FID"},
		{inception.FID, 60_000, 1_281_167, 1_281_167, "FID"},
		{inception.FID, 49_999, 50_000, 50_000, "FID with 49999 samples against 50000 training images, not comparable with FID of 50,000 samples"},
		{inception.FID, 50_000, 100, 50_000, "FID with 50000 samples against 100 training images, not comparable with FID of 50,000 samples"},
		{"another", 2, 2, 3, "another"},
	} {
		if got := exactName(c.figure, c.samples, c.against, c.all); got != c.want {
			t.Errorf("%q, want %q", got, c.want)
		}
	}
}

// TestFrechetFile: figures of the same images and features take each other's place, others are added.
func TestFrechetFile(t *testing.T) {
	dir := t.TempDir()
	f := Frechet{Name: "FID", Distance: 12.5, Features: "a", Samples: 50_000, Against: 50_000, Step: 3, Dataset: "cifar10", Seed: 1}
	other, better := f, f
	other.Step, better.Distance = 4, 11
	for _, save := range []Frechet{f, other, better} {
		if err := save.save(dir); err != nil {
			t.Fatal(err)
		}
	}
	if all, err := LoadFrechet(dir); err != nil || !reflect.DeepEqual(all, []Frechet{better, other}) {
		t.Errorf("%+v, %v", all, err)
	}
	if all, err := LoadFrechet(t.TempDir()); err != nil || all != nil {
		t.Errorf("without a file: %+v, %v", all, err)
	}
	for _, text := range []string{"", "{}", "[{}]", `[{"name": "FID", "features": "a", "samples": 2, "against": 2, "distance": -1}]`} {
		if err := os.WriteFile(filepath.Join(dir, FrechetFile), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		if _, err := LoadFrechet(dir); err == nil || !strings.Contains(err.Error(), FrechetFile) {
			t.Errorf("%q: %v", text, err)
		}
		if err := f.save(dir); err == nil {
			t.Errorf("%q was overwritten", text)
		}
	}
}

// TestFrechetFileIsShared: of figures that are computed at the same time none is lost.
func TestFrechetFileIsShared(t *testing.T) {
	const writers = 12
	dir := t.TempDir()
	failed := make(chan error)
	for i := range writers {
		f := Frechet{Name: "another", Distance: 1, Features: "a", Samples: 2, Against: 2, Step: int64(i)}
		go func() { failed <- f.save(dir) }()
	}
	for range writers {
		if err := <-failed; err != nil {
			t.Error(err)
		}
	}
	if all, err := LoadFrechet(dir); err != nil || len(all) != writers {
		t.Errorf("%d figures of %d, %v", len(all), writers, err)
	}
}
