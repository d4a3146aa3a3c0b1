package task

import (
	"context"
	"fmt"
	"io"
	"math"
	"slices"

	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"
	"github.com/gomlx/gomlx/ml/model/initializer"

	"github.com/kafisto/kafisto/internal/data"
	"github.com/kafisto/kafisto/internal/train"
	"github.com/kafisto/kafisto/models"
	"github.com/kafisto/kafisto/nn"
)

// Language describes a language modelling task: each word from those before it.
type Language struct {
	Dataset     string  // as data.NamesOf(data.KindText) lists them
	Folder      string  // where the data set's files are; unused for embedded ones
	Model       string  // as models.LanguageNames lists them
	Width       int     // of the model; 0 is the model's own
	Dropout     float64 // share of values that training drops
	Streams     int     // parts of the text that are read side by side, the batch size, at least 1
	Window      int     // words of backpropagation through time, at least 1
	TrainWords  int     // the first so many words of the training text; 0 means all
	EvalWords   int     // the first so many words of each held-out text; 0 means all
	EvalStreams int     // parts of a held-out text that are read side by side, at most; 0 means 20
	EvalWindow  int     // words of an evaluation's windows, at most; 0 means Window
}

const (
	evalStreams = 20
	// warmUp is how many words a stream of an evaluation reads before those that
	// count, so that a state that is carried is as if the text was read in one.
	warmUp = 700
	// maxLogits is how many numbers the predictions of a window may have: 8 GB.
	maxLogits = 1 << 31
)

// Problem loads the data and returns the task.
func (l Language) Problem() (train.Problem, error) {
	fail := func(err error) (train.Problem, error) { return train.Problem{}, err }
	text, err := data.LoadText(l.Dataset, l.Folder)
	if err != nil {
		return fail(err)
	}
	if text.Train, err = firstWords(text.Train, l.TrainWords, "training"); err != nil {
		return fail(err)
	}
	network, err := models.LanguageByName(l.Model, models.LanguageConfig{Vocabulary: text.Vocabulary.Len(), Width: l.Width, Dropout: l.Dropout})
	if err != nil {
		return fail(err)
	}
	windows, err := data.NewWindows(text.Train, l.Streams, l.Window)
	if err == nil {
		err = checkLogits(l.Streams, l.Window, text.Vocabulary.Len())
	}
	if err != nil {
		return fail(err)
	}
	info, err := data.Describe(l.Dataset)
	if err != nil {
		return fail(err)
	}
	p := LanguageProblem(network, l.Streams)
	p.Name, p.StepsPerEpoch = fmt.Sprintf("%s with %s", info.Title, l.Model), int64(windows.Steps())
	p.Train = func(ctx context.Context, fromStep int64) (train.Stream, error) {
		return &trainingWords{ctx, windows, [2]int{l.Window, l.Streams}, fromStep}, nil
	}
	if l.EvalStreams == 0 {
		l.EvalStreams = evalStreams
	}
	if l.EvalWindow == 0 {
		l.EvalWindow = l.Window
	}
	carries, read := len(network.State(1)) > 0, 0
	if carries {
		read = warmUp
	}
	var streams int
	if p.Splits, streams, err = l.heldOut(text, read); err != nil {
		return fail(err)
	}
	if carries {
		p.Carry = func() []*tensors.Tensor { return startingState(network, streams) }
	}
	return p, nil
}

// heldOut are the held-out texts, read after so many words to warm up, and the number
// of streams in which all of them are read: that of the shortest.
func (l Language) heldOut(text *data.Text, read int) (splits []train.Split, streams int, err error) {
	names, texts := []string{"validation", "test"}, [][]int32{text.Validation, text.Test}
	for i, words := range texts {
		if texts[i], err = firstWords(words, l.EvalWords, names[i]); err != nil {
			return nil, 0, err
		}
	}
	shortest := slices.MinFunc(texts, func(a, b []int32) int { return len(a) - len(b) })
	e, err := data.NewEvaluation(shortest, text.Vocabulary.EndOfSentence(), l.EvalStreams, l.EvalWindow, read)
	if err != nil {
		return nil, 0, err
	}
	for i, words := range texts {
		split, err := evaluationSplit(names[i], words, text, e.Streams(), l.EvalWindow, read)
		if err != nil {
			return nil, 0, err
		}
		splits = append(splits, split)
	}
	return splits, e.Streams(), nil
}

// checkLogits refuses windows whose predictions no memory holds.
func checkLogits(streams, window, vocabulary int) error {
	if n := int64(streams) * int64(window) * int64(vocabulary); n > maxLogits {
		return fmt.Errorf("task: %d streams of windows of %d words have predictions of %d numbers with a vocabulary of %d words, and %d is the most: give a smaller batch-size or window",
			streams, window, n, vocabulary, int64(maxLogits))
	}
	return nil
}

// LanguageProblem is the training of a language model on so many streams of text,
// without the text. A training batch has words, int32 [time, streams], and a
// Float32 that is 1 where the text starts, 0 where it goes on; its label are the
// next words.
func LanguageProblem(network models.LanguageModel, streams int) train.Problem {
	return train.Problem{
		StepsPerEpoch: 1, Perplexity: true, Model: languageModel(network, streams),
		Losses: func(labels, predictions []*graph.Node) *graph.Node {
			return nn.FusedSoftmaxCrossEntropy(predictions[0], labels[0])
		},
	}
}

// firstWords returns the first n words, all if n is 0.
func firstWords(words []int32, n int, what string) ([]int32, error) {
	if n == 0 {
		return words, nil
	}
	if n < 0 || n > len(words) {
		return nil, fmt.Errorf("task: %d words of the %s text asked for: there are %d", n, what, len(words))
	}
	return words[:n], nil
}

// stateScope is the scope of the variables in which training carries the state.
const stateScope = "carried"

// languageModel is the model as it is trained. Training graphs get words and
// whether a text starts here, int32 [time, streams] and a Float32 scalar, and
// carry the state in variables; evaluation graphs get words and the state.
func languageModel(network models.LanguageModel, streams int) func(*model.Scope, any, []*graph.Node) []*graph.Node {
	return func(scope *model.Scope, _ any, inputs []*graph.Node) []*graph.Node {
		words, g := inputs[0], inputs[0].Graph()
		if !scope.IsTraining(g) {
			logits, next := network.Logits(scope, words, inputs[1:])
			return append([]*graph.Node{logits}, next...)
		}
		goesOn := graph.OneMinus(inputs[1])
		within := scope.In(stateScope).WithInitializer(initializer.Zero)
		var carried []*model.Variable
		var state []*graph.Node
		for i, shape := range network.State(streams) {
			v := within.VariableWithShape(fmt.Sprintf("state%d", i), shape).SetTrainable(false)
			carried = append(carried, v)
			state = append(state, graph.Mul(v.NodeValue(g), goesOn))
		}
		logits, next := network.Logits(scope, words, state)
		for i, v := range carried {
			v.SetNodeValue(graph.StopGradient(next[i]))
		}
		return []*graph.Node{logits}
	}
}

// startingState are the zeros that a text starts with.
func startingState(network models.LanguageModel, streams int) []*tensors.Tensor {
	var state []*tensors.Tensor
	for _, shape := range network.State(streams) {
		state = append(state, tensors.FromShape(shape))
	}
	return state
}

// trainingWords is the endless stream of a training text's windows.
type trainingWords struct {
	ctx     context.Context
	windows *data.Windows
	shape   [2]int // of a window: time, streams
	step    int64
}

// Next implements train.Stream.
func (t *trainingWords) Next() (train.Batch, error) {
	if err := t.ctx.Err(); err != nil {
		return train.Batch{}, err
	}
	w := t.windows.Window(t.step)
	t.step++
	starts := float32(0)
	if w.First {
		starts = 1
	}
	return train.Batch{
		Inputs: []*tensors.Tensor{tensors.FromFlatDataAndDimensions(w.Words, t.shape[:]...), tensors.FromScalar(starts)},
		Labels: []*tensors.Tensor{tensors.FromFlatDataAndDimensions(w.Targets, t.shape[:]...)},
		Size:   len(w.Words),
	}, nil
}

// Close implements train.Stream.
func (t *trainingWords) Close() {}

// evaluationSplit is a held-out text, of which every word counts once.
func evaluationSplit(name string, words []int32, text *data.Text, streams, window, read int) (train.Split, error) {
	evaluation, err := data.NewEvaluation(words, text.Vocabulary.EndOfSentence(), streams, window, read)
	if err == nil {
		err = checkLogits(evaluation.Streams(), evaluation.WindowLength(), text.Vocabulary.Len())
	}
	if err != nil {
		return train.Split{}, err
	}
	return train.Split{
		Name:              name,
		UnigramPerplexity: unigramPerplexity(text.Train, words, text.Vocabulary.Len()),
		Open: func(context.Context) (train.Stream, error) {
			return &heldOutWords{evaluation: evaluation, shape: [2]int{evaluation.WindowLength(), evaluation.Streams()}}, nil
		},
	}, nil
}

// heldOutWords is the windows of a held-out text.
type heldOutWords struct {
	evaluation *data.Evaluation
	shape      [2]int // of a window: time, streams
	next       int
}

// Next implements train.Stream.
func (h *heldOutWords) Next() (train.Batch, error) {
	if h.next == h.evaluation.Steps() {
		return train.Batch{}, io.EOF
	}
	w := h.evaluation.Window(h.next)
	h.next++
	size := 0
	for _, counts := range w.Counted {
		if counts {
			size++
		}
	}
	return train.Batch{
		Inputs: []*tensors.Tensor{tensors.FromFlatDataAndDimensions(w.Words, h.shape[:]...)},
		Labels: []*tensors.Tensor{tensors.FromFlatDataAndDimensions(w.Targets, h.shape[:]...), tensors.FromFlatDataAndDimensions(w.Counted, h.shape[:]...)},
		Size:   size,
	}, nil
}

// Close implements train.Stream.
func (h *heldOutWords) Close() {}

// unigramPerplexity is the perplexity of words that are guessed by how often they
// are in the training text, each counted once more than it is there, so that no
// word is impossible.
func unigramPerplexity(training, words []int32, vocabulary int) float64 {
	counts := make([]float64, vocabulary)
	for _, word := range training {
		counts[word]++
	}
	total := float64(len(training) + vocabulary)
	nats := 0.0
	for _, word := range words {
		nats -= math.Log((counts[word] + 1) / total)
	}
	return math.Exp(nats / float64(len(words)))
}
