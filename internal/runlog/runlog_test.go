package runlog

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/kafisto/kafisto/internal/alloctest"
)

var number = rapid.Float64Range(-1e300, 1e300)

// drawStep makes a record of the given step.
func drawStep(t *rapid.T, step int64) Step {
	record := Step{
		Type: TypeStep, Step: step, Epoch: number.Draw(t, "epoch"), Loss: number.Draw(t, "loss"),
		LearningRate: [3]float64{number.Draw(t, "min"), number.Draw(t, "median"), number.Draw(t, "max")},
		GradientNorm: number.Draw(t, "norm"), Seconds: number.Draw(t, "seconds"),
	}
	if n := rapid.SampledFrom([]int{0, 1, 3}).Draw(t, "P"); n > 0 {
		record.Filter = &Filter{
			R: number.Draw(t, "R"), P: rapid.SliceOfN(number, n, n).Draw(t, "P"),
			Qx: number.Draw(t, "qx"), Innovation: number.Draw(t, "innovation"),
		}
	}
	return record
}

func drawEval(t *rapid.T, step int64) Eval {
	return Eval{
		Type: TypeEval, Step: step, Epoch: number.Draw(t, "epoch"), Loss: number.Draw(t, "loss"),
		Split:     rapid.SampledFrom([]string{"validation", "test"}).Draw(t, "split"),
		Top1Error: number.Draw(t, "top1"), Top5Error: number.Draw(t, "top5"),
		Examples: rapid.IntRange(0, 1e9).Draw(t, "examples"), Seconds: number.Draw(t, "seconds"),
	}
}

// appendAll fails the test where a record cannot be logged.
func appendAll(t interface{ Fatal(...any) }, w *Writer, records ...any) {
	for _, record := range records {
		if err := w.Append(record); err != nil {
			t.Fatal(err)
		}
	}
}

// TestKilledAndResumedRun writes a log, kills the writer anywhere (the file is
// cut at any byte after the last checkpoint), resumes and wants every step once.
func TestKilledAndResumedRun(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		dir, err := os.MkdirTemp(t.TempDir(), "")
		if err != nil {
			rt.Fatal(err)
		}
		path := filepath.Join(dir, "log.jsonl")
		want := &Log{}
		checkpoint := int64(0)
		for range rapid.IntRange(1, 4).Draw(rt, "processes") {
			w, err := OpenWriter(path, checkpoint, checkpoint)
			if err != nil {
				rt.Fatal(err)
			}
			start := Start{Type: TypeStart, Time: "2026-01-01T00:00:00Z", Step: checkpoint, Engine: "go", Cores: 2}
			want.Starts = append(want.Starts, start)
			appendAll(rt, w, start)
			saved := rapid.Int64Range(0, 5).Draw(rt, "steps saved")
			lost := rapid.Int64Range(0, 5).Draw(rt, "steps lost")
			var durable int64
			for i := int64(0); i <= saved+lost; i++ {
				step := checkpoint + i
				if i > 0 {
					record, eval := drawStep(rt, step), drawEval(rt, step)
					appendAll(rt, w, record, eval)
					if i <= saved {
						want.Steps = append(want.Steps, record)
						want.Evals = append(want.Evals, eval)
					}
				}
				if i == saved {
					if err := w.Sync(); err != nil {
						rt.Fatal(err)
					}
					durable = w.size
				}
			}
			cut := rapid.Int64Range(durable, w.size).Draw(rt, "cut")
			w.file.Close()
			if err := os.Truncate(path, cut); err != nil {
				rt.Fatal(err)
			}
			if _, err := Read(path); err != nil {
				rt.Fatalf("killed log: %v", err)
			}
			checkpoint += saved
		}
		w, err := OpenWriter(path, checkpoint, checkpoint)
		if err != nil {
			rt.Fatal(err)
		}
		want.End = &End{Type: TypeEnd, Step: checkpoint, Status: StatusFinished}
		appendAll(rt, w, *want.End)
		if err := w.Close(); err != nil {
			rt.Fatal(err)
		}
		got, err := Read(path)
		if err != nil {
			rt.Fatal(err)
		}
		if !reflect.DeepEqual(got, want) {
			rt.Fatalf("log holds\n%+v\nwant\n%+v", got, want)
		}
	})
}

func TestAppendRefuses(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log.jsonl")
	w, err := OpenWriter(path, 0, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	appendAll(t, w, Step{Step: 3, Loss: 1})
	before, _ := os.ReadFile(path)
	for record, want := range map[any]string{
		Step{Step: 4, Loss: math.NaN()}:                                                  "step 4: loss is NaN",
		Step{Step: 4, GradientNorm: math.Inf(1)}:                                         "step 4: gradient_norm is +Inf",
		Step{Step: 4, LearningRate: [3]float64{0, math.Inf(-1), 0}}:                      "step 4: learning_rate is -Inf",
		Step{Step: 4, Filter: &Filter{R: math.NaN(), P: []float64{1}}}:                   "step 4: filter.R is NaN",
		Step{Step: 4, Filter: &Filter{P: []float64{1, 2}}}:                               "filter.P has 2 numbers",
		Step{Step: 4, Critic: &Critic{Wasserstein: math.NaN()}}:                          "step 4: critic.wasserstein is NaN",
		Step{Step: 4, Critic: &Critic{Filter: &Filter{P: []float64{math.Inf(1)}}}}:       "step 4: filter.P is +Inf",
		Eval{Step: 4, Split: "test", GAN: &GAN{}}:                                        "gan.generated is 0",
		Eval{Step: 4, Split: "test", GAN: &GAN{Generated: 2, Frechet: new(-1.0)}}:        "gan.frechet is -1",
		Eval{Step: 4, Split: "test", GAN: &GAN{Generated: 2, Frechet: new(math.Inf(1))}}: "step 4: gan.frechet is +Inf",
		Step{Step: 3}: "step 3 is not after step 3",
		Step{Step: 0}: "steps are numbered from 1",
		Eval{Step: 4, Split: "test", Loss: math.NaN()}:        "step 4: loss is NaN",
		Eval{Step: 4, Split: "test", Perplexity: math.Inf(1)}: "step 4: perplexity is +Inf",
		Eval{Step: 4}:                 "names no split",
		End{Step: 4, Status: "tired"}: `status is "tired"`,
		"text":                        "a string is no record",
		Start{Version: strings.Repeat("x", maxLine)}: "a line holds",
	} {
		if err := w.Append(record); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%T: error %v, want one with %q", record, err, want)
		}
	}
	if after, _ := os.ReadFile(path); !bytes.Equal(before, after) {
		t.Error("a refused record left something in the log")
	}
	appendAll(t, w, Step{Step: 4})
}

func TestReadRefuses(t *testing.T) {
	step := `{"type":"step","step":1}` + "\n"
	for text, want := range map[string]string{
		"hello":                                        "line 1: not a JSON object",
		step + "rubbish\n":                             "line 2: not a JSON object",
		step + "rubbish\n" + `{"type":"step","s`:       "line 2: not a JSON object",
		step + `{"type":"st` + "\n":                    "line 2: not a JSON object",
		step + step:                                    "line 2: step 1 comes after step 1",
		`{"type":"step"}`:                              "line 1: step is 0",
		`{"type":"step","step":"x"}`:                   "line 1: json:",
		`{"type":"step","step":1,"loss":1e999}`:        "line 1: json:",
		`{"type":"step","step":1,"filter":{}}`:         "filter.P has 0 numbers",
		`{"type":"meteor"}`:                            `unknown record type "meteor"`,
		`{"step":1}`:                                   "unknown record type",
		`[1]`:                                          "line 1: not a JSON object",
		strings.Repeat(" ", maxLine+1):                 "put back a copy of the log, or start again in another folder",
		step + strings.Repeat("\x00", 3*maxLine) + "x": "line 2 is longer",
		step + strings.Repeat("\x00", 3*maxLine) + "\n" + step: "line 2 is longer",
		step + `{"type":"` + strings.Repeat("x", maxLine):      "line 2 is longer",
	} {
		path := filepath.Join(t.TempDir(), "log.jsonl")
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		if _, err := Read(path); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.40q: error %v, want one with %q", text, err, want)
		}
		if _, err := OpenWriter(path, 0, 0); err == nil {
			t.Errorf("%.40q: was opened for writing", text)
		}
		if after, _ := os.ReadFile(path); string(after) != text {
			t.Errorf("%.40q: was changed", text)
		}
	}
}

func TestReadTolerates(t *testing.T) {
	step := `{"type":"step","step":1}` + "\n"
	for text, torn := range map[string]bool{
		step:                                     false,
		strings.TrimSpace(step):                  false, // whole but for its newline
		"\n" + step + "\r\n":                     false,
		step + `{"type":"step","step":2`:         true,
		step + `{`:                               true,
		step + "\x00\x00\x00":                    true,
		step + strings.Repeat("\x00", 3*maxLine): true, // as a power cut leaves it
		step + `{"type":"st` + strings.Repeat("\x00", maxLine): true,
	} {
		path := filepath.Join(t.TempDir(), "log.jsonl")
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		log, err := Read(path)
		if err != nil || len(log.Steps) != 1 || log.Torn != torn {
			t.Errorf("%.60q: %+v, %v", text, log, err)
		}
		w, err := OpenWriter(path, 1, 0)
		if err != nil {
			t.Errorf("%.60q: %v", text, err)
			continue
		}
		appendAll(t, w, Step{Step: 2})
		w.Close()
		if log, err := Read(path); err != nil || len(log.Steps) != 2 || log.Torn {
			t.Errorf("%.60q, continued: %+v, %v", text, log, err)
		}
	}
}

func TestUnusablePaths(t *testing.T) {
	dir := t.TempDir()
	if _, err := Read(filepath.Join(dir, "missing")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("missing file: %v", err)
	}
	if _, err := OpenWriter(filepath.Join(dir, "missing", "log.jsonl"), 0, 0); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("missing folder: %v", err)
	}
	if _, err := Read(dir); err == nil {
		t.Error("a folder was read")
	}
	if _, err := OpenWriter(dir, 0, 0); err == nil {
		t.Error("a folder was opened")
	}
	if _, err := OpenWriter(filepath.Join(dir, "log.jsonl"), -1, 0); err == nil {
		t.Error("step -1 was taken")
	}
}

func TestEndBelongsToLastProcess(t *testing.T) {
	var text bytes.Buffer
	for i, record := range []any{Start{}, End{Status: StatusStopped}, Start{}} {
		line, err := encode(record)
		if err != nil {
			t.Fatal(err)
		}
		text.Write(line)
		log, err := readFrom(bytes.NewReader(text.Bytes()))
		if err != nil {
			t.Fatal(err)
		}
		if ended := i == 1; (log.End != nil) != ended {
			t.Errorf("after record %d: end is %v", i, log.End)
		}
	}
}

// TestRetriesAreCounted: all that the run has gone back, in whatever process.
func TestRetriesAreCounted(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log.jsonl")
	for i, status := range []string{StatusRetried, StatusDiverged, StatusRetried, StatusStopped} {
		w, err := OpenWriter(path, 0, -1)
		if err != nil || w.Retries() != (i+1)/2 {
			t.Fatalf("process %d: %d retries, %v", i, w.Retries(), err)
		}
		appendAll(t, w, Start{}, End{Status: status})
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

func FuzzRead(f *testing.F) {
	f.Add([]byte(`{"type":"start","step":0}` + "\n" + `{"type":"step","step":1,"filter":{"P":[1]}}` + "\n" + `{"type":"en`))
	f.Add([]byte(`{"type":"eval","split":"test"}` + "\n" + `{"type":"end","status":"finished"}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		var log *Log
		var err error
		alloctest.Within(t, 2<<20+256*len(text), func() { log, err = readFrom(bytes.NewReader(text)) })
		if err != nil {
			return
		}
		// What was read can be logged again and reads the same.
		path := filepath.Join(t.TempDir(), "log.jsonl")
		w, err := OpenWriter(path, 0, 0)
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range log.Starts {
			appendAll(t, w, r)
		}
		for _, r := range log.Steps {
			appendAll(t, w, r)
		}
		for _, r := range log.Evals {
			appendAll(t, w, r)
		}
		w.Close()
		again, err := Read(path)
		if err != nil {
			t.Fatal(err)
		}
		if fmt.Sprint(again.Starts, again.Evals, len(again.Steps)) != fmt.Sprint(log.Starts, log.Evals, len(log.Steps)) {
			t.Fatalf("read again: %+v, first: %+v", again, log)
		}
	})
}

// TestEvaluationAfterTheCheckpoint: the evaluation of step 2 was logged, but the
// process died before the checkpoint knew of it; the resumed one repeats it.
func TestEvaluationAfterTheCheckpoint(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log.jsonl")
	w, err := OpenWriter(path, 0, 0)
	if err != nil {
		t.Fatal(err)
	}
	appendAll(t, w, Step{Step: 1}, Eval{Step: 1, Split: "test"}, Step{Step: 2}, Eval{Step: 2, Split: "test"})
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if w, err = OpenWriter(path, 2, 1); err != nil {
		t.Fatal(err)
	}
	appendAll(t, w, Eval{Step: 2, Split: "test"})
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	log, err := Read(path)
	if err != nil || len(log.Steps) != 2 || len(log.Evals) != 2 {
		t.Errorf("log %+v, error %v, want 2 steps and 2 evaluations", log, err)
	}
	if _, err := OpenWriter(path, 1, 2); err == nil {
		t.Error("an evaluation after the last step was taken")
	}
}
