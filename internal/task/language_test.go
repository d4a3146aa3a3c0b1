package task

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/gomlx/compute"
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"

	"github.com/kafisto/kafisto"
	"github.com/kafisto/kafisto/internal/engine"
	"github.com/kafisto/kafisto/internal/engine/enginetest"
	"github.com/kafisto/kafisto/internal/runlog"
	"github.com/kafisto/kafisto/internal/train"
	"github.com/kafisto/kafisto/models"
	"github.com/kafisto/kafisto/optim"
)

// small is a language task that takes no time.
var small = Language{Dataset: "shakespeare", Model: "tiny-lstm", Width: 8, Dropout: 0.5, Streams: 3, Window: 5, TrainWords: 90, EvalWords: 400}

func (l Language) mustProblem(t *testing.T) train.Problem {
	t.Helper()
	p, err := l.Problem()
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// TestEvaluationDoesNotDependOnReading evaluates one text in other numbers of
// streams and windows of other lengths.
func TestEvaluationDoesNotDependOnReading(t *testing.T) {
	enginetest.Each(t, func(t *testing.T, backend compute.Backend) {
		l := small
		l.EvalWords, l.Width = 3000, 24
		store := model.NewStore()
		if err := store.SetRNGStateFromSeed(1); err != nil {
			t.Fatal(err)
		}
		var want []runlog.Eval
		for _, reading := range [][2]int{{1, 30}, {20, 35}, {7, 13}, {3000, 4000}} {
			l.EvalStreams, l.EvalWindow = reading[0], reading[1]
			if want == nil { // make the variables
				if _, err := train.Evaluate(t.Context(), backend, store, l.mustProblem(t), 0); !errors.Is(err, train.ErrOtherModel) {
					t.Fatalf("evaluation without variables: %v", err)
				}
				enlarge(t, store)
			}
			got, err := train.Evaluate(t.Context(), backend, store, l.mustProblem(t), 0)
			if err != nil {
				t.Fatal(err)
			}
			if want == nil {
				want = got
			}
			for i, e := range got {
				if e.Examples != 3000 || math.Abs(e.Perplexity-want[i].Perplexity) > 1e-4*want[i].Perplexity {
					t.Errorf("%s in %d streams of windows of %d: perplexity %g of %d words, want %g of 3000", e.Split, reading[0], reading[1], e.Perplexity, e.Examples, want[i].Perplexity)
				}
			}
		}
		if math.Abs(want[0].Perplexity-3068) < 100 {
			t.Errorf("perplexity %g: the model has no opinion, and the test shows nothing", want[0].Perplexity)
		}
	})
}

// enlarge makes a fresh model's predictions depend on its state, but not so much
// that it never forgets.
func enlarge(t *testing.T, store *model.Store) {
	for v := range store.IterVariables() {
		if !v.Trainable {
			continue
		}
		values := tensors.MustCopyFlatData[float32](v.MustValue())
		factor := float32(2)
		if v.Name() == "embeddings" {
			factor = 20
		}
		for i := range values {
			values[i] *= factor
		}
		if err := v.SetValue(tensors.FromFlatDataAndDimensions(values, v.Shape().Dimensions...)); err != nil {
			t.Fatal(err)
		}
	}
}

// TestTrainingCarriesTheState compares two windows that follow each other in
// training graphs with one of their length, and begins again.
func TestTrainingCarriesTheState(t *testing.T) {
	network, err := models.LanguageByName("tiny-lstm", models.LanguageConfig{Vocabulary: 7, Width: 6})
	if err != nil {
		t.Fatal(err)
	}
	enginetest.Each(t, func(t *testing.T, backend compute.Backend) {
		store := model.NewStore()
		step := model.MustNewExec(backend, store, func(scope *model.Scope, inputs []*graph.Node) *graph.Node {
			scope.SetTraining(inputs[0].Graph(), true)
			return languageModel(network, 1)(scope, nil, inputs)[0]
		})
		whole := model.MustNewExec(backend, store, func(scope *model.Scope, words *graph.Node) *graph.Node {
			var zeros []*graph.Node
			for _, shape := range network.State(1) {
				zeros = append(zeros, graph.Zeros(words.Graph(), shape))
			}
			logits, _ := network.Logits(scope, words, zeros)
			return logits
		})
		words := []int32{1, 5, 2, 6, 0, 3}
		logits := func(first float32, words []int32) []float32 {
			out := step.MustCall(tensors.FromFlatDataAndDimensions(words, len(words), 1), first)
			return tensors.MustCopyFlatData[float32](out[0])
		}
		logits(1, words[:3])
		goneOn := logits(0, words[3:])
		begun := logits(1, words[3:])
		want := tensors.MustCopyFlatData[float32](whole.MustCall(tensors.FromFlatDataAndDimensions(words, 6, 1))[0])[21:]
		for i := range want {
			if math.Abs(float64(goneOn[i]-want[i])) > 1e-6 {
				t.Fatalf("logits %v of a second window, want %v", goneOn, want)
			}
		}
		if reflect.DeepEqual(goneOn, begun) {
			t.Error("a text that starts is as one that goes on")
		}
	})
}

// stopAt is a console that cancels the run after a step.
type stopAt struct {
	step   int64
	cancel context.CancelFunc
}

func (stopAt) Begin(int64, int64) {}
func (stopAt) Eval(runlog.Eval)   {}
func (stopAt) Message(string)     {}
func (stopAt) End()               {}
func (s stopAt) Step(r runlog.Step) {
	if r.Step == s.step {
		s.cancel()
	}
}

// TestLanguageResumeIsExact stops a run in mid-epoch, at an epoch's end and
// between, and compares it with one that was left alone.
func TestLanguageResumeIsExact(t *testing.T) {
	optimizers := map[string]func() train.Optimizer{
		"kafisto": func() train.Optimizer { return train.KaFiStO("kafisto", kafisto.New().MustDone()) },
		"sgd": func() train.Optimizer {
			return train.Baseline("sgd", optim.SGD().LearningRate(5).ClipGradientNorm(0.25).MustDone())
		},
	}
	enginetest.Each(t, func(t *testing.T, backend compute.Backend) {
		for name, optimizer := range optimizers {
			for _, network := range []string{"tiny-lstm", "tiny-transformer"} {
				l := small
				l.Model = network
				run := func(dir string, stops ...int64) ([]runlog.Step, []runlog.Eval, string) {
					for i, stop := range append(stops, -1) {
						ctx, cancel := context.WithCancel(t.Context())
						_, err := train.Run(ctx, train.Config{
							Dir: dir, Problem: l.mustProblem(t), Optimizer: optimizer(), Backend: backend, Engine: "test", Version: "test", Settings: "test",
							Seed: 5, Steps: 14, EvalEvery: 6, SaveEvery: 4, Resume: i > 0, Console: stopAt{stop, cancel},
						})
						cancel()
						if stop < 0 && err != nil || stop >= 0 && !errors.Is(err, train.ErrStopped) {
							t.Fatalf("stop at %d: %v", stop, err)
						}
					}
					return outcome(t, dir)
				}
				steps, evals, sum := run(filepath.Join(t.TempDir(), "whole"))
				steps2, evals2, sum2 := run(filepath.Join(t.TempDir(), "stopped"), 2, 5, 6, 11)
				if !reflect.DeepEqual(steps, steps2) || !reflect.DeepEqual(evals, evals2) || sum != sum2 {
					t.Errorf("%s with %s: a resumed run differs from an uninterrupted one", network, name)
				}
				if len(steps) != 14 || len(evals) != 6 || evals[0].Perplexity != math.Exp(evals[0].Loss) || evals[1].Split != "test" {
					t.Errorf("%s with %s: %d steps, evaluations %+v", network, name, len(steps), evals)
				}
			}
		}
	})
}

// outcome is what a run has left, without times.
func outcome(t *testing.T, dir string) ([]runlog.Step, []runlog.Eval, string) {
	t.Helper()
	log, saved := readRun(t, dir)
	return log.Steps, log.Evals, saved.SHA256
}

func TestUnigramPerplexity(t *testing.T) {
	// Of 4+2 counted words, word 0 has 4 and word 1 has 2.
	got := unigramPerplexity([]int32{0, 0, 0, 1}, []int32{0, 1}, 2)
	if want := math.Sqrt(6. / 4 * 6 / 2); math.Abs(got-want) > 1e-12 {
		t.Errorf("%g, want %g", got, want)
	}
}

// TestGenerate writes with both kinds of models: the likeliest words by
// temperature 0, the same words by the same seed, and never those that are ruled out.
func TestGenerate(t *testing.T) {
	backend := enginetest.Backend(t, engine.Go)
	for _, name := range []string{"tiny-lstm", "tiny-transformer"} {
		network, err := models.LanguageByName(name, models.LanguageConfig{Vocabulary: 30, Width: 8})
		if err != nil {
			t.Fatal(err)
		}
		store := model.NewStore()
		if err := store.SetRNGStateFromSeed(2); err != nil {
			t.Fatal(err)
		}
		const window = 5
		likeliest := model.MustNewExec(backend, store, func(scope *model.Scope, words *graph.Node) *graph.Node {
			var zeros []*graph.Node
			for _, shape := range network.State(1) {
				zeros = append(zeros, graph.Zeros(words.Graph(), shape))
			}
			logits, _ := network.Logits(scope, words, zeros)
			return graph.ArgMax(logits, -1)
		})
		best := func(words []int32) int32 {
			if len(network.State(1)) == 0 {
				words = words[max(0, len(words)-window):]
			}
			out := tensors.MustCopyFlatData[int32](likeliest.MustCall(tensors.FromFlatDataAndDimensions(words, len(words), 1))[0])
			return out[len(out)-1]
		}
		best([]int32{0}) // makes the variables
		enlarge(t, store)
		write := func(s Sampling, n int) []int32 {
			var words []int32
			err := Generate(t.Context(), backend, store, network, window, []int32{4, 2, 9}, n, s, func(word int32) { words = append(words, word) })
			if err != nil || len(words) != n {
				t.Fatalf("%d words, error %v", len(words), err)
			}
			return words
		}
		text := []int32{4, 2, 9}
		for _, word := range write(Sampling{}, 8) {
			if want := best(text); word != want {
				t.Fatalf("%s: word %d after %v, want the likeliest, %d", name, word, text, want)
			}
			text = append(text, word)
		}
		drawn := write(Sampling{Temperature: 1, Seed: 3, Never: []int32{7}}, 60)
		if slices.Contains(drawn, 7) || !slices.Equal(drawn, write(Sampling{Temperature: 1, Seed: 3, Never: []int32{7}}, 60)) {
			t.Errorf("%s: a word that is ruled out is drawn, or the same seed writes something else", name)
		}
		if slices.Equal(drawn, write(Sampling{Temperature: 1, Seed: 4, Never: []int32{7}}, 60)) {
			t.Errorf("%s: another seed writes the same", name)
		}
	}
}

// TestDraw compares how often words are drawn with their probabilities.
func TestDraw(t *testing.T) {
	logits := []float32{1, float32(math.Inf(-1)), 3, 2}
	const n = 20000
	for _, s := range []Sampling{{Temperature: 1}, {Temperature: 0.5}, {Temperature: 2, TopK: 2}, {TopK: 3}} {
		random := rand.New(rand.NewPCG(1, 1))
		var counts [4]float64
		for range n {
			counts[s.draw(slices.Clone(logits), random)]++
		}
		want := [4]float64{2: 1} // at temperature 0
		if s.Temperature > 0 {
			total := 0.0
			for i, l := range logits {
				if want[i] = math.Exp(float64(l) / s.Temperature); s.TopK == 2 && l < 2 {
					want[i] = 0
				}
				total += want[i]
			}
			for i := range want {
				want[i] /= total
			}
		}
		for i := range want {
			if math.Abs(counts[i]/n-want[i]) > 0.015 {
				t.Errorf("%+v: shares %v, want %v", s, fmt.Sprint(counts), want)
			}
		}
	}
}

func TestLanguageProblemRefuses(t *testing.T) {
	for want, change := range map[string]func(*Language){
		"words of the training text asked for":   func(l *Language) { l.TrainWords = 1 << 30 },
		"-1 words of the validation text":        func(l *Language) { l.EvalWords = -1 },
		"is too short for 3 streams":             func(l *Language) { l.TrainWords = 17 },
		"streams of windows of 1048576":          func(l *Language) { l.EvalStreams, l.EvalWindow = 1<<20, 1<<20 },
		"no language model is called \"resnet\"": func(l *Language) { l.Model = "resnet" },
		"fashion-sample":                         func(l *Language) { l.Dataset = "fashion-sample" },
	} {
		l := small
		change(&l)
		if _, err := l.Problem(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want one with %q", err, want)
		}
	}
}

func TestPredictionsFitIntoMemory(t *testing.T) {
	if err := checkLogits(20, 10_000, 10_000); err != nil {
		t.Error(err)
	}
	if err := checkLogits(20, 30_000, 10_000); err == nil || !strings.Contains(err.Error(), "give a smaller batch-size or window") {
		t.Errorf("a window of 24 GB of predictions: %v", err)
	}
}
