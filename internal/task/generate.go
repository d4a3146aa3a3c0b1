package task

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"

	"github.com/gomlx/compute"
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"

	"github.com/kafisto/kafisto"
	"github.com/kafisto/kafisto/internal/train"
	"github.com/kafisto/kafisto/models"
)

// Sampling says how words are drawn.
type Sampling struct {
	Temperature float64 // 1 draws from the model's probabilities, less is bolder, 0 takes the likeliest word
	TopK        int     // draw from so many likeliest words; 0 means all
	Never       []int32 // words that are not drawn
	Seed        uint64
}

// Check returns an error that names the first value that cannot be.
func (s Sampling) Check() error {
	if !(s.Temperature >= 0 && s.Temperature <= math.MaxFloat32) {
		return fmt.Errorf("task: temperature is %g: it must be a number that is at least 0", s.Temperature)
	}
	if s.TopK < 0 {
		return fmt.Errorf("task: top-k is %d: it must be at least 0", s.TopK)
	}
	return nil
}

// draw chooses a word. It changes logits.
func (s Sampling) draw(logits []float32, random *rand.Rand) int32 {
	for _, word := range s.Never {
		logits[word] = float32(math.Inf(-1))
	}
	order := make([]int32, len(logits))
	for i := range order {
		order[i] = int32(i)
	}
	slices.SortStableFunc(order, func(a, b int32) int { // the likeliest first
		switch {
		case logits[a] > logits[b]:
			return -1
		case logits[a] < logits[b]:
			return 1
		}
		return 0
	})
	if s.Temperature == 0 {
		return order[0]
	}
	if s.TopK > 0 {
		order = order[:min(s.TopK, len(order))]
	}
	weights := make([]float64, len(order))
	total := 0.0
	for i, word := range order {
		weights[i] = math.Exp(float64(logits[word]-logits[order[0]]) / s.Temperature)
		total += weights[i]
	}
	left := random.Float64() * total
	for i, weight := range weights {
		if left -= weight; left < 0 {
			return order[i]
		}
	}
	return order[0]
}

// Generate goes on with a text, of at least one word, and gives each word that a
// language model adds to emit, until so many are written. The store holds the
// model's variables, see train.SameModel. A model without memory sees the last
// window words. The same seed gives the same words. When ctx is cancelled the error
// is train.ErrStopped.
func Generate(ctx context.Context, backend compute.Backend, store *model.Store, network models.LanguageModel, window int,
	text []int32, words int, s Sampling, emit func(word int32)) error {
	if err := s.Check(); err != nil {
		return err
	}
	if len(network.State(1)) > 0 {
		window = 1
	}
	step, err := model.NewExec(backend, store, func(scope *model.Scope, inputs []*graph.Node) []*graph.Node {
		scope.SetTraining(inputs[0].Graph(), false)
		return kafisto.Model(nil, languageModel(network, 1))(scope, nil, inputs)
	})
	if err != nil {
		return fmt.Errorf("task: %w", err)
	}
	defer step.Finalize()
	r := reader{step: step.WithName("next word"), state: startingState(network, 1), window: window}
	defer func() { finalize(r.state) }()
	known := store.NumVariables()
	random := rand.New(rand.NewPCG(s.Seed, 0))
	unread := slices.Clone(text)
	for written := range words {
		logits, err := r.read(ctx, unread)
		if ctx.Err() != nil {
			return fmt.Errorf("task: %w after %d words of %d", train.ErrStopped, written, words)
		}
		if err == nil {
			err = train.SameModel(store, known)
		}
		if err != nil {
			return err
		}
		word := s.draw(logits, random)
		emit(word)
		unread = []int32{word}
	}
	return nil
}

// reader reads a text word by word, or window by window without a state.
type reader struct {
	step   *model.Exec
	state  []*tensors.Tensor
	seen   []int32 // the last words, at most a window
	window int
}

// read reads words and returns the logits of the next one.
func (r *reader) read(ctx context.Context, words []int32) (logits []float32, err error) {
	for len(words) > 0 {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		n := 1
		if len(r.state) == 0 {
			n = len(words) // only the last window matters
		}
		r.seen = append(r.seen, words[:n]...)
		r.seen = slices.Clone(r.seen[max(0, len(r.seen)-r.window):])
		words = words[n:]
		if logits, err = r.run(); err != nil {
			return nil, err
		}
	}
	return logits, nil
}

// run reads the words seen last, and returns the logits after the last of them.
func (r *reader) run() ([]float32, error) {
	input := make([]int32, r.window) // what is behind the words is not seen by them
	copy(input, r.seen)
	given := append([]*tensors.Tensor{tensors.FromFlatDataAndDimensions(input, r.window, 1)}, r.state...)
	var arguments []any
	for _, t := range given {
		arguments = append(arguments, t)
	}
	out, err := r.step.Exec(arguments...)
	r.state = nil
	finalize(given)
	if err != nil {
		return nil, fmt.Errorf("task: %w", err)
	}
	r.state = out[1:]
	defer finalize(out[:1])
	all, err := tensors.CopyFlatData[float32](out[0])
	if err != nil {
		return nil, fmt.Errorf("task: %w", err)
	}
	vocabulary := len(all) / r.window
	last := len(r.seen) - 1
	return all[last*vocabulary : (last+1)*vocabulary], nil
}

// finalize frees tensors that are not used again.
func finalize(all []*tensors.Tensor) {
	for _, t := range all {
		_ = t.FinalizeAll()
	}
}
