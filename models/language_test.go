package models

import (
	"strings"
	"testing"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"

	"github.com/kafisto/kafisto/internal/engine/enginetest"
)

// zeroState is what a text starts with.
func zeroState(m LanguageModel, texts int) []any {
	var state []any
	for _, shape := range m.State(texts) {
		state = append(state, tensors.FromShape(shape))
	}
	return state
}

// read returns the logits of each word of a text and the state after it.
func read(t *testing.T, exec *model.Exec, words []int32, state []any) (logits [][]float32, next []any) {
	t.Helper()
	out, err := exec.Exec(append([]any{tensors.FromFlatDataAndDimensions(words, len(words), 1)}, state...)...)
	if err != nil {
		t.Fatal(err)
	}
	all := tensors.MustCopyFlatData[float32](out[0])
	size := len(all) / len(words)
	for i := range words {
		logits = append(logits, all[i*size:(i+1)*size])
	}
	for _, s := range out[1:] {
		next = append(next, s)
	}
	return logits, next
}

func newReader(t *testing.T, backend compute.Backend, m LanguageModel) *model.Exec {
	t.Helper()
	exec, err := model.NewExec(backend, model.NewStore(), func(scope *model.Scope, inputs []*Node) []*Node {
		logits, next := m.Logits(scope, inputs[0], inputs[1:])
		return append([]*Node{logits}, next...)
	})
	if err != nil {
		t.Fatal(err)
	}
	return exec
}

func near(a, b []float32) bool {
	for i := range a {
		if d := a[i] - b[i]; d > 1e-5 || d < -1e-5 {
			return false
		}
	}
	return len(a) == len(b)
}

// TestLanguageModelsRead checks that a word's prediction depends on the words
// before it, by way of the state too, and on no later one.
func TestLanguageModelsRead(t *testing.T) {
	enginetest.Each(t, func(t *testing.T, backend compute.Backend) {
		for _, name := range LanguageNames() {
			m, err := LanguageByName(name, LanguageConfig{Vocabulary: 11, Width: 8, Dropout: 0.65})
			if err != nil {
				t.Fatal(err)
			}
			exec := newReader(t, backend, m)
			text := []int32{3, 1, 4, 1, 5, 9}
			whole, _ := read(t, exec, text, zeroState(m, 1))
			again, _ := read(t, exec, text, zeroState(m, 1))
			if !near(whole[5], again[5]) {
				t.Errorf("%s: dropout outside of training", name)
			}
			changed, _ := read(t, exec, []int32{3, 1, 4, 1, 5, 2}, zeroState(m, 1))
			if !near(whole[4], changed[4]) || near(whole[5], changed[5]) {
				t.Errorf("%s: a word's prediction depends on a later word, or not on itself", name)
			}
			changed, _ = read(t, exec, []int32{7, 1, 4, 1, 5, 9}, zeroState(m, 1))
			if near(whole[5], changed[5]) {
				t.Errorf("%s: a word's prediction does not depend on the first one", name)
			}
			if len(m.State(1)) == 0 {
				continue
			}
			_, state := read(t, exec, text[:2], zeroState(m, 1))
			rest, _ := read(t, exec, text[2:], state)
			if !near(whole[5], rest[3]) {
				t.Errorf("%s: the state does not carry the text", name)
			}
		}
	})
}

// TestLanguageModelSizes compares the numbers of parameters with formulas for
// tied word vectors, four gates, and attention with two linear layers.
func TestLanguageModelSizes(t *testing.T) {
	const v, h = 10000, 200
	tied := func(h int) int { return v*h + v }
	for name, want := range map[string]int{
		"tiny-lstm":        tied(h) + 2*(2*h*4*h+4*h),
		"larger-lstm":      tied(1500) + 2*(2*1500*4*1500+4*1500),
		"tiny-transformer": tied(h) + 2*((h*3*h+3*h)+3*(h*h+h)+2*2*h),
	} {
		m, err := LanguageByName(name, LanguageConfig{Vocabulary: v})
		if err != nil {
			t.Fatal(err)
		}
		store := model.NewStore()
		g := NewGraph(enginetest.Backend(t, "go"), "sizes")
		model.SetStore(g, store)
		state := []*Node{}
		for _, shape := range m.State(2) {
			state = append(state, Zeros(g, shape))
		}
		logits, next := m.Logits(store.RootScope(), Parameter(g, "words", shapes.Make(dtypes.Int32, 3, 2)), state)
		if logits.Shape().String() != "(Float32)[6, 10000]" || len(next) != len(state) {
			t.Errorf("%s: logits %s, %d of %d states", name, logits.Shape(), len(next), len(state))
		}
		if got := store.NumParameters(); got != want {
			t.Errorf("%s: %d parameters, want %d", name, got, want)
		}
	}
}

func TestLanguageByNameRefuses(t *testing.T) {
	for want, c := range map[string]struct {
		name string
		LanguageConfig
	}{
		"no language model is called \"gpt\"": {"gpt", LanguageConfig{Vocabulary: 10}},
		"vocabulary is 1 words":               {"tiny-lstm", LanguageConfig{Vocabulary: 1}},
		"width is -1":                         {"tiny-lstm", LanguageConfig{Vocabulary: 10, Width: -1}},
		"width is 5, which the 2 heads":       {"tiny-transformer", LanguageConfig{Vocabulary: 10, Width: 5}},
		"dropout is 1,":                       {"tiny-lstm", LanguageConfig{Vocabulary: 10, Dropout: 1}},
	} {
		if _, err := LanguageByName(c.name, c.LanguageConfig); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want one with %q", err, want)
		}
	}
}
