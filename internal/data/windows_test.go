package data

import (
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// counting is a text whose words tell their places.
func counting(n int) []int32 {
	words := make([]int32, n)
	for i := range words {
		words[i] = int32(i)
	}
	return words
}

// column returns what stream s sees of a window.
func column[T any](window []T, streams, s int) []T {
	var out []T
	for i := s; i < len(window); i += streams {
		out = append(out, window[i])
	}
	return out
}

// PyTorch's word_language_model: batchify cuts off the remainder, makes the streams
// columns; get_batch takes window rows, and the targets one row later.
func TestWindowsAreThoseOfPyTorch(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		streams, window := rapid.IntRange(1, 5).Draw(rt, "streams"), rapid.IntRange(1, 6).Draw(rt, "window")
		words := counting(rapid.IntRange(1, 120).Draw(rt, "words"))
		w, err := NewWindows(words, streams, window)
		length := len(words) / streams
		if full := (length - 1) / window; length == 0 || full < 1 {
			if err == nil {
				rt.Fatal("too short a text was taken")
			}
			return
		} else if err != nil || w.Steps() != full {
			rt.Fatalf("%d steps, want %d (%v)", w.Steps(), full, err)
		}
		step := rapid.IntRange(0, 3*w.Steps()).Draw(rt, "step")
		got := w.Window(int64(step))
		at := step % w.Steps() * window
		if len(got.Words) != streams*window || len(got.Targets) != streams*window || got.Counted != nil || got.First != (at == 0) {
			rt.Fatalf("step %d: %+v", step, got)
		}
		for s := range streams {
			from := s*length + at
			if !slices.Equal(column(got.Words, streams, s), words[from:from+window]) ||
				!slices.Equal(column(got.Targets, streams, s), words[from+1:from+window+1]) {
				rt.Fatalf("step %d, stream %d: %v, %v", step, s, got.Words, got.Targets)
			}
		}
	})
}

func TestWindowsOfPTB(t *testing.T) {
	w, err := NewWindows(make([]int32, 929589), 20, 35)
	if err != nil || w.Steps() != 1327 { // (929589/20 - 1) / 35
		t.Errorf("%d steps, %v", w.Steps(), err)
	}
}

func TestWindowsBadSettings(t *testing.T) {
	words := counting(20)
	for _, c := range []struct {
		streams, window int
		word            string
	}{
		{0, 1, "at least 1"}, {1, 0, "at least 1"}, {-1, -1, "at least 1"}, {1 << 30, 1 << 30, "at most"},
		{4, 5, "20 words is too short for 4 streams of windows of 5 words, which need 24"}, {21, 1, "too short"},
	} {
		_, err := NewWindows(words, c.streams, c.window)
		wantError(t, err, c.word)
	}
	for _, c := range []struct{ words, streams, window, warmUp int }{{0, 1, 1, 0}, {5, 0, 1, 0}, {5, 1, 0, 0}, {5, 1, 1, -1}, {5, 1 << 30, 1 << 30, 0}} {
		_, err := NewEvaluation(words[:c.words], 0, c.streams, c.window, c.warmUp)
		wantError(t, err)
	}
}

func TestEvaluation(t *testing.T) {
	const before = -1
	rapid.Check(t, func(rt *rapid.T) {
		streams, window := rapid.IntRange(1, 6).Draw(rt, "streams"), rapid.IntRange(1, 6).Draw(rt, "window")
		words, warmUp := counting(rapid.IntRange(1, 80).Draw(rt, "words")), rapid.IntRange(0, 12).Draw(rt, "warm-up")
		e, err := NewEvaluation(words, before, streams, window, warmUp)
		if err != nil {
			rt.Fatal(err)
		}
		if e.Streams() > streams || e.WindowLength() > window || e.Streams() > 1 && (len(words)+e.Streams()-1)/e.Streams() < warmUp {
			rt.Fatalf("%d streams of windows of %d words", e.Streams(), e.WindowLength())
		}
		if len(words)/streams >= max(1, warmUp) && e.Streams() != streams {
			rt.Fatalf("%d streams, want %d", e.Streams(), streams)
		}
		streams, window = e.Streams(), e.WindowLength()
		inputs, targets, counted := make([][]int32, streams), make([][]int32, streams), make([][]bool, streams)
		steps := e.Steps()
		for step := range steps {
			batch := e.Window(step)
			if size := streams * window; len(batch.Words) != size || len(batch.Targets) != size || len(batch.Counted) != size {
				rt.Fatalf("step %d: %+v", step, batch)
			}
			for s := range streams {
				inputs[s] = append(inputs[s], column(batch.Words, streams, s)...)
				targets[s] = append(targets[s], column(batch.Targets, streams, s)...)
				counted[s] = append(counted[s], column(batch.Counted, streams, s)...)
			}
		}
		var all []int32 // what counts, in the order of the streams
		filled := false // whether some stream reads to the last window
		for s := range streams {
			warm := max(slices.Index(counted[s], true), 0)
			if len(all) < len(words) && warm != min(warmUp, len(all)) {
				rt.Fatalf("stream %d warms up over %d words after %d", s, warm, len(all))
			}
			own := 0
			for i, c := range counted[s] {
				if i < warm || c {
					if i > 0 && targets[s][i] != targets[s][i-1]+1 || inputs[s][i] != targets[s][i]-1 {
						rt.Fatalf("stream %d reads %v, %v", s, inputs[s], targets[s])
					}
					filled = filled || i >= (steps-1)*window
				} else if inputs[s][i] != before || targets[s][i] != before {
					rt.Fatalf("stream %d ends with %v, %v", s, inputs[s], targets[s])
				}
				if c {
					all, own = append(all, targets[s][i]), own+1
				}
			}
			if s == 0 && own != (len(words)+streams-1)/streams {
				rt.Fatalf("the first of %d streams has %d words of its own", streams, own)
			}
		}
		if !slices.Equal(all, words) {
			rt.Fatalf("counted %v", all)
		}
		if !filled {
			rt.Fatal("the last window is empty")
		}
	})
}

// TestEvaluationIsNoLargerThanItsText: numbers of streams and words that are too
// large for the text cost no more than those that are not.
func TestEvaluationIsNoLargerThanItsText(t *testing.T) {
	words := counting(73760)
	for _, c := range []struct{ streams, window, wantStreams, wantWindow, wantSteps int }{
		{20, 35, 20, 35, 116},
		{20000, 3, 210, 3, 234},
		{20, 800000, 20, 4038, 1},
		{1, 1 << 24, 1, 73760, 1},
	} {
		e, err := NewEvaluation(words, 0, c.streams, c.window, 350)
		if err != nil || e.Streams() != c.wantStreams || e.WindowLength() != c.wantWindow || e.Steps() != c.wantSteps {
			t.Errorf("%+v: %d windows of %d words of %d streams, %v", c, e.Steps(), e.WindowLength(), e.Streams(), err)
		}
	}
}
