package task

import (
	"context"
	"errors"
	"fmt"
	"math"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/gomlx/compute"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"

	"github.com/kafisto/kafisto"
	"github.com/kafisto/kafisto/internal/checkpoint"
	"github.com/kafisto/kafisto/internal/data"
	"github.com/kafisto/kafisto/internal/engine/enginetest"
	"github.com/kafisto/kafisto/internal/fid"
	"github.com/kafisto/kafisto/internal/runlog"
	"github.com/kafisto/kafisto/internal/train"
	"github.com/kafisto/kafisto/models"
	"github.com/kafisto/kafisto/optim"
	"github.com/kafisto/kafisto/schedule"
)

// smallGAN is a task of a few images and narrow networks.
func smallGAN() GAN {
	return GAN{Dataset: "fashion-sample", Model: "dcgan", Width: 2, BatchSize: 3, CriticSteps: 2, Seed: 5, TrainExamples: 20, EvalExamples: 5, Samples: 7}
}

func (t GAN) mustProblem(tb testing.TB) train.Problem {
	tb.Helper()
	p, err := t.Problem()
	if err != nil {
		tb.Fatal(err)
	}
	return p
}

// below is for the optimizer of one of the networks.
func below(scope string) func(*model.Variable) bool {
	return func(v *model.Variable) bool { return strings.HasPrefix(v.Path(), "/"+scope+"/") }
}

// kafistoAgainstAdam are optimizers of two kinds, KaFiStO as in section 5.2.
func kafistoAgainstAdam() train.Optimizer {
	filter := kafisto.New().Target(kafisto.OffsetTarget(schedule.Constant(4))).VelocityDecay(0.5).Scope("filter").Only(below(GeneratorScope)).MustDone()
	critic := train.Baseline("adam", optim.Adam().LearningRate(2e-4).Betas(0.5, 0.999).Scope("critic-adam").Only(below(CriticScope)).MustDone())
	both := train.KaFiStO("kafisto", filter)
	both.Critic = &critic
	return both
}

const ganSteps = 8

// runGAN starts a run or goes on with it, up to a step, or to its end if that is 0.
func runGAN(t *testing.T, backend compute.Backend, p train.Problem, dir string, resume bool, stop int64) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	_, err := train.Run(ctx, train.Config{
		Dir: dir, Problem: p, Optimizer: kafistoAgainstAdam(), Backend: backend, Engine: "test", Version: "test",
		Settings: "small", Seed: 3, Steps: ganSteps, EvalEvery: 3, SaveEvery: 2, Resume: resume, Console: stopAt{stop, cancel},
	})
	if stop > 0 && !errors.Is(err, train.ErrStopped) || stop == 0 && err != nil {
		t.Fatalf("stopped after step %d: %v", stop, err)
	}
}

// readRun is a run's log without durations, and the manifest of its newest checkpoint.
func readRun(t *testing.T, dir string) (*runlog.Log, checkpoint.Manifest) {
	t.Helper()
	log, err := runlog.Read(filepath.Join(dir, train.LogFile))
	if err != nil {
		t.Fatal(err)
	}
	for i := range log.Steps {
		log.Steps[i].Seconds = 0
	}
	for i := range log.Evals {
		log.Evals[i].Seconds = 0
	}
	saved, err := checkpoint.Load(filepath.Join(dir, train.CheckpointsFolder))
	if err != nil {
		t.Fatal(err)
	}
	return log, saved.Manifest
}

// TestGANResumeIsExact: a run that is stopped, before its first step too, leaves the
// same bytes and the same log as one that is left alone.
func TestGANResumeIsExact(t *testing.T) {
	enginetest.Each(t, func(t *testing.T, backend compute.Backend) {
		whole, pieces := t.TempDir(), t.TempDir()
		runGAN(t, backend, smallGAN().mustProblem(t), whole, false, 0)
		stops := []int64{1, 3, 6, 0}
		if backend.Name() != "go" {
			stops = []int64{3, 0} // each time all is compiled anew
		}
		for i, stop := range stops {
			runGAN(t, backend, smallGAN().mustProblem(t), pieces, i > 0, stop)
		}
		want, saved := readRun(t, whole)
		got, resumed := readRun(t, pieces)
		if saved.SHA256 != resumed.SHA256 {
			t.Errorf("variables differ: %s and %s", saved.SHA256, resumed.SHA256)
		}
		if saved.Step != ganSteps || resumed.Step != ganSteps {
			t.Errorf("the newest checkpoints are of steps %d and %d", saved.Step, resumed.Step)
		}
		if !reflect.DeepEqual(want.Steps, got.Steps) || !reflect.DeepEqual(want.Evals, got.Evals) {
			t.Error("the logs differ")
		}
		checkGANLog(t, want)
	})
}

// checkGANLog checks that a log has what it should of both networks.
func checkGANLog(t *testing.T, log *runlog.Log) {
	t.Helper()
	var evaluated []int64
	for _, e := range log.Evals {
		evaluated = append(evaluated, e.Step)
		if e.GAN == nil || e.GAN.Generated != 7 || e.GAN.Frechet != nil || e.Examples != 5 || e.Loss != -e.GAN.Wasserstein {
			t.Errorf("evaluation %+v", e)
		}
	}
	if !slices.Equal(evaluated, []int64{0, 3, 6, 8}) || len(log.Steps) != ganSteps {
		t.Errorf("evaluated after %v, %d steps", evaluated, len(log.Steps))
	}
	for _, s := range log.Steps {
		c := s.Critic
		if s.Filter == nil || c == nil || c.Filter != nil || c.LearningRate != [3]float64{2e-4, 2e-4, 2e-4} || s.GradientNorm <= 0 || c.GradientNorm <= 0 || c.Slope <= 0 {
			t.Errorf("step %d: %+v, critic %+v", s.Step, s, c)
			continue
		}
		if s.Filter.Innovation != -4 {
			t.Errorf("step %d: the innovation of a target of L - 4 is %g", s.Step, s.Filter.Innovation)
		}
		// The critic's loss is the penalty, which is at least 0, less the estimate.
		if c.Loss < -c.Wasserstein-1e-6 {
			t.Errorf("step %d: critic's loss %g, Wasserstein estimate %g", s.Step, c.Loss, c.Wasserstein)
		}
	}
}

// TestGANStream: batches depend on the step alone, numbers are never used twice, and
// each minibatch has images of its own.
func TestGANStream(t *testing.T) {
	p := smallGAN().mustProblem(t)
	if p.StepsPerEpoch != 3 {
		t.Errorf("%d steps of 2 minibatches of 3 images in an epoch of 20", p.StepsPerEpoch)
	}
	read := func(from int64, n int) (batches [][][]float32) {
		s, err := p.Train(t.Context(), from)
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		for range n {
			b, err := s.Next()
			if err != nil {
				t.Fatal(err)
			}
			var values [][]float32
			for _, x := range b.Inputs {
				values = append(values, tensors.MustCopyFlatData[float32](x))
			}
			b.Finalize()
			batches = append(batches, values)
		}
		return batches
	}
	whole := read(0, 7)
	if late := read(4, 3); !reflect.DeepEqual(whole[4:], late) {
		t.Error("batches from step 4 on differ from those of a stream from the start")
	}
	seen := map[float32]bool{}
	for i, b := range whole {
		var sizes []int
		for _, x := range b {
			sizes = append(sizes, len(x))
		}
		if want := []int{3 * 32 * 32 * 3, 300, 3, 3 * 32 * 32 * 3, 300, 3, 300}; !slices.Equal(sizes, want) {
			t.Fatalf("step %d: numbers %v, want %v", i, sizes, want)
		}
		if slices.Equal(b[0], b[3]) {
			t.Errorf("step %d: both minibatches have the same images", i)
		}
		for _, k := range []int{1, 4, 6} {
			if seen[b[k][0]] {
				t.Errorf("step %d: latents were used before", i)
			}
			seen[b[k][0]] = true
		}
		for _, x := range b[0] {
			if !(x >= -1 && x <= 1) {
				t.Fatalf("step %d: a pixel is %g", i, x)
			}
		}
	}
}

// TestGenerator: an image depends on its latents alone, not on how many are made.
func TestGenerator(t *testing.T) {
	enginetest.Each(t, func(t *testing.T, backend compute.Backend) {
		store := model.NewStore()
		defer store.Finalize()
		if err := store.SetRNGStateFromSeed(1); err != nil {
			t.Fatal(err)
		}
		g, err := NewGenerator(backend, store, models.DCGAN(models.GANConfig{Width: 2}), "fashion-sample")
		if err != nil {
			t.Fatal(err)
		}
		defer g.Close()
		var calls []string
		many, err := g.Images(t.Context(), g.Latents(9, generatorBatch+3), func(done, total int) { calls = append(calls, fmt.Sprint(done, "/", total)) })
		if err != nil {
			t.Fatal(err)
		}
		few, err := g.Images(t.Context(), g.Latents(9, 2), nil)
		if err != nil {
			t.Fatal(err)
		}
		if many.Len() != 103 || many.Height != 28 || many.Channels != 1 || !slices.Equal(calls, []string{"100/103", "103/103"}) {
			t.Errorf("%d images of %dx%dx%d, progress %v", many.Len(), many.Height, many.Width, many.Channels, calls)
		}
		if !slices.Equal(few.Pixels, many.Pixels[:len(few.Pixels)]) || slices.Equal(few.Image(0), few.Image(1)) {
			t.Error("the first images are others, or the same")
		}
		stopped, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := g.Images(stopped, g.Latents(9, 2), nil); !errors.Is(err, train.ErrStopped) {
			t.Errorf("cancelled: %v", err)
		}
	})
}

func TestPixel(t *testing.T) {
	for v, want := range map[float32]byte{-1: 0, 1: 255, 0: 128, -2: 0, 2: 255, float32(math.NaN()): 0, float32(math.Inf(1)): 255, -0.996: 1} {
		if got := pixel(v); got != want {
			t.Errorf("%g is %d, want %d", v, got, want)
		}
	}
}

// TestShow: a grid's worth of the first images is shown after each evaluation, made
// of the same latents.
func TestShow(t *testing.T) {
	backend := enginetest.Backend(t, "go")
	shown := map[int64]*data.Images{}
	task := smallGAN()
	task.Show = func(step int64, images *data.Images) error { shown[step] = images; return nil }
	runGAN(t, backend, task.mustProblem(t), t.TempDir(), false, 0)
	if len(shown) != 4 || shown[0].Len() != 7 || slices.Equal(shown[0].Pixels, shown[8].Pixels) {
		t.Errorf("%d grids", len(shown))
	}
	task.Show = func(int64, *data.Images) error { return errors.New("no room") }
	if _, err := train.Run(t.Context(), train.Config{
		Dir: t.TempDir(), Problem: task.mustProblem(t), Optimizer: kafistoAgainstAdam(), Backend: backend, Engine: "test", Version: "test",
		Settings: "small", Steps: 1, EvalEvery: 1, SaveEvery: 1, Console: stopAt{-1, nil},
	}); err == nil || !strings.Contains(err.Error(), "no room") {
		t.Errorf("a grid that cannot be shown: %v", err)
	}
}

// madeFeatures have one mean after the other for generated images, and 0 for the
// training images; the name is that of the last ones from then on.
type madeFeatures struct {
	means []float32
	last  string
}

func (f *madeFeatures) Close() {}

func (f *madeFeatures) Name() string {
	if len(f.means) == 0 {
		return f.last
	}
	return "first"
}

func (f *madeFeatures) Statistics(context.Context, *data.Images, int, func(done, total int)) (*fid.Statistics, error) {
	mean := f.means[0]
	f.means = f.means[1:]
	return statisticsOf(mean)
}

func (f *madeFeatures) Training(context.Context, *data.Images) (*fid.Statistics, error) {
	return statisticsOf(0)
}

func statisticsOf(mean float32) (*fid.Statistics, error) {
	m := fid.NewMoments(1)
	if err := m.Add([]float32{mean - 1, mean + 1}); err != nil {
		return nil, err
	}
	return m.Statistics("test")
}

// TestBestOfAGAN: the evaluation before the first step is never the best, and one by
// other features is not compared with those before.
func TestBestOfAGAN(t *testing.T) {
	for last, want := range map[string]int64{"first": 6, "others": 8} {
		gan := smallGAN()
		gan.Features = func(context.Context, compute.Backend) (Features, error) {
			return &madeFeatures{[]float32{1, 5, 3, 9}, last}, nil // after 0, 3, 6 and 8 steps
		}
		dir := t.TempDir()
		runGAN(t, enginetest.Backend(t, "go"), gan.mustProblem(t), dir, false, 0)
		best, err := checkpoint.LoadBest(filepath.Join(dir, train.CheckpointsFolder))
		if err != nil {
			t.Fatal(err)
		}
		if best.Manifest.Step != want {
			t.Errorf("%s: the best is of step %d, want %d", last, best.Manifest.Step, want)
		}
		if log, _ := readRun(t, dir); *log.Evals[1].GAN.Frechet != 25 || log.Evals[3].GAN.Features != last {
			t.Errorf("%s: evaluations %+v", last, log.Evals)
		}
	}
}
