package data

import "fmt"

// maxWindow is how many words a window of an evaluation may have.
const maxWindow = 1 << 24

// Window is a piece of a text for all streams at once. Its slices are its own.
type Window struct {
	// Words are read and Targets are to be predicted, shape [window, streams], time
	// first: the streams' words of one time stand side by side. A target is the word
	// after the word beside it.
	Words, Targets []int32
	// Counted tells which targets are part of an evaluation, shape [window,
	// streams]; nil in training, where all are.
	Counted []bool
	// First tells, in training, that the streams start here: nothing is carried over
	// from before.
	First bool
}

// Windows cuts a text into parallel streams, and those into windows for
// backpropagation through time, for training.
type Windows struct {
	words   []int32
	streams int
	window  int
	length  int // words of a stream
}

// NewWindows cuts words into streams parts of equal length, which are read in step,
// window words at a time. What does not fill a part or a last window is left out, as
// in PyTorch's word_language_model. The words are shared, not copied.
func NewWindows(words []int32, streams, window int) (*Windows, error) {
	if err := checkWindow(streams, window); err != nil {
		return nil, err
	}
	w := &Windows{words: words, streams: streams, window: window, length: len(words) / streams}
	if w.length <= window {
		return nil, fmt.Errorf("data: a text of %d words is too short for %d streams of windows of %d words, which need %d: take fewer streams or shorter windows",
			len(words), streams, window, streams*(window+1))
	}
	return w, nil
}

// checkWindow refuses sizes that no window can have.
func checkWindow(streams, window int) error {
	if streams < 1 || window < 1 || streams > maxWindow/window {
		return fmt.Errorf("data: %d streams of windows of %d words: give at least 1 of both, and at most %d words in all", streams, window, maxWindow)
	}
	return nil
}

// Steps is the number of windows in an epoch, at least 1.
func (w *Windows) Steps() int { return (w.length - 1) / w.window }

// Window returns the window of a step, from 0: window step % Steps() of epoch step /
// Steps(). It is a pure function of the step, and the same in every epoch.
func (w *Windows) Window(step int64) Window {
	steps := int64(w.Steps())
	at := int((step%steps + steps) % steps) // so that no step is outside
	size := w.streams * w.window
	out := Window{Words: make([]int32, 0, size), Targets: make([]int32, 0, size), First: at == 0}
	for time := at * w.window; time < (at+1)*w.window; time++ {
		for stream := range w.streams {
			place := stream*w.length + time
			out.Words = append(out.Words, w.words[place])
			out.Targets = append(out.Targets, w.words[place+1])
		}
	}
	return out
}

// Evaluation cuts a text into windows for an evaluation that predicts every word
// exactly once.
type Evaluation struct {
	words   []int32
	before  int32
	window  int
	streams []stretch
	steps   int
}

// stretch is what a stream reads, as places of its targets in the text: from start
// (included) to end (excluded), of which those from counted on are its own.
type stretch struct{ start, counted, end int }

// NewEvaluation cuts words into streams consecutive parts, of which the last may be
// shorter or empty, and reads them in step, window words at a time. Before each part
// but the first its stream predicts the warmUp words that precede it, or as many as
// there are, which are not counted, so that the state that it carries is near that of
// one stream which reads all (the same, where the warm-up reaches the start of the
// text). The word before the first one is before, the end-of-sentence mark of the
// vocabulary. The words are shared, not copied.
//
// There are fewer streams than asked for where a part would be shorter than the
// warm-up, and the window is no longer than what a stream reads: see Streams and
// WindowLength.
func NewEvaluation(words []int32, before int32, streams, window, warmUp int) (*Evaluation, error) {
	if err := checkWindow(streams, window); err != nil {
		return nil, err
	}
	if len(words) == 0 || warmUp < 0 {
		return nil, fmt.Errorf("data: an evaluation of %d words after %d to warm up: give a text, and 0 or more to warm up", len(words), warmUp)
	}
	streams = min(streams, max(1, len(words)/max(1, warmUp)))
	e := &Evaluation{words: words, before: before, streams: make([]stretch, streams)}
	length, longest := (len(words)-1)/streams+1, 0
	for i := range e.streams {
		s := &e.streams[i]
		s.counted = min(i*length, len(words))
		s.end = min(s.counted+length, len(words))
		if s.start = s.end; s.counted < s.end {
			s.start = max(0, s.counted-warmUp)
		}
		longest = max(longest, s.end-s.start)
	}
	e.window = min(window, longest)
	e.steps = (longest-1)/e.window + 1
	return e, nil
}

// Streams is the number of parts, at least 1.
func (e *Evaluation) Streams() int { return len(e.streams) }

// WindowLength is the number of words that a stream reads in a window, at least 1.
func (e *Evaluation) WindowLength() int { return e.window }

// Steps is the number of windows, at least 1.
func (e *Evaluation) Steps() int { return e.steps }

// Window returns the window of a step from 0 to Steps()-1. All have the same shape:
// where a stream has ended they are filled with the word before the text, not counted.
func (e *Evaluation) Window(step int) Window {
	size := len(e.streams) * e.window
	out := Window{Words: make([]int32, 0, size), Targets: make([]int32, 0, size), Counted: make([]bool, 0, size)}
	for time := step * e.window; time < (step+1)*e.window; time++ {
		for _, s := range e.streams {
			word, target, place := e.before, e.before, s.start+time
			if place < s.end {
				target = e.words[place]
				if place > 0 {
					word = e.words[place-1]
				}
			}
			out.Words = append(out.Words, word)
			out.Targets = append(out.Targets, target)
			out.Counted = append(out.Counted, place >= s.counted && place < s.end)
		}
	}
	return out
}
