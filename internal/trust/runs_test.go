//go:build unix

package trust

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strconv"
	"testing"

	"github.com/kafisto/kafisto/internal/checkpoint"
	"github.com/kafisto/kafisto/internal/runlog"
	"github.com/kafisto/kafisto/internal/train"
)

// task is something small to train, of which everything that a kind of task has is
// used: augmentation, batch normalisation, dropout, state that is carried on, two
// networks. A step is milliseconds.
type task struct {
	name  string
	args  []string
	short []string // optimizers of the shortened form
}

// tasks are one of each kind.
var tasks = []task{
	{"image", []string{"--dataset=fashion-sample", "--model=small-cnn", "--augment", "--train-examples=500", "--eval-examples=100", "--batch-size=16"}, []string{"kafisto", "adam"}},
	{"language", []string{"--dataset=shakespeare", "--model=tiny-lstm", "--width=8", "--batch-size=4", "--window=5", "--train-examples=600", "--eval-examples=80"}, []string{"sgd", "adamw"}},
	{"GAN", []string{"--dataset=fashion-sample", "--model=dcgan", "--target=offset:4", "--width=4", "--critic-steps=2", "--generated=16", "--train-examples=60", "--eval-examples=32", "--batch-size=4"}, []string{"kafisto"}},
}

// image and language are two of them.
var image, language = tasks[0], tasks[1]

// all are the optimizers.
var all = []string{"kafisto", "sgd", "adam", "adamw"}

// training is a command that trains a task in a folder.
func training(engine, optimizer string, k task, dir string, more ...string) []string {
	args := append([]string{"train", "--offline", "--quiet", "--engine=" + engine, "--optimizer=" + optimizer, "--dir=" + dir}, k.args...)
	if k.name == "GAN" && optimizer == "sgd" {
		args = append(args, "--learning-rate=0.001") // it diverges with its own
	}
	return append(args, more...)
}

// resuming is the command that goes on with the run in a folder.
func resuming(dir string, more ...string) []string {
	return append([]string{"train", "--offline", "--quiet", "--resume", "--dir=" + dir}, more...)
}

// tail is longer than a log's last two lines.
const tail = 16 << 10

var stepLine = regexp.MustCompile(`(?m)^\{"type":"step","step":(\d+),.*\}\n`)

// logged is the last step in the log of a run that may be at work; 0 without one.
func logged(dir string) int64 {
	f, err := os.Open(filepath.Join(dir, train.LogFile))
	if err != nil {
		return 0
	}
	defer f.Close()
	size, err := f.Seek(0, io.SeekEnd)
	if err != nil {
		return 0
	}
	text, err := io.ReadAll(io.NewSectionReader(f, max(0, size-tail), tail))
	if err != nil {
		return 0
	}
	steps := stepLine.FindAllSubmatch(text, -1)
	if len(steps) == 0 {
		return 0
	}
	last, _ := strconv.ParseInt(string(steps[len(steps)-1][1]), 10, 64)
	return last
}

// starts is the number of processes that the log of a run tells of, which may be at
// work.
func starts(dir string) int {
	text, _ := os.ReadFile(filepath.Join(dir, train.LogFile))
	return bytes.Count(text, []byte(`{"type":"start"`))
}

// readLog reads a log without durations.
func readLog(t *testing.T, dir string) *runlog.Log {
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
	return log
}

// newest is the newest whole checkpoint of a run.
func newest(t *testing.T, dir string) *checkpoint.Checkpoint {
	t.Helper()
	c, err := checkpoint.Load(filepath.Join(dir, train.CheckpointsFolder))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// best is the best checkpoint of a run.
func best(t *testing.T, dir string) *checkpoint.Checkpoint {
	t.Helper()
	c, err := checkpoint.LoadBest(filepath.Join(dir, train.CheckpointsFolder))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// variables are the bytes of a checkpoint's variables.
func variables(t *testing.T, c *checkpoint.Checkpoint) []byte {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(c.Path, checkpoint.VariablesFile))
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// same checks that two runs have done the same steps: every byte of their newest
// checkpoints' variables, and their logs but for durations.
func same(t *testing.T, want, got string, steps int64) {
	t.Helper()
	a, b := newest(t, want), newest(t, got)
	if a.Manifest.Step != steps || b.Manifest.Step != steps {
		t.Fatalf("the newest checkpoints are of steps %d and %d, want %d", a.Manifest.Step, b.Manifest.Step, steps)
	}
	if !bytes.Equal(variables(t, a), variables(t, b)) {
		t.Error("the variables differ")
	}
	if x, y := withoutSeconds(a), withoutSeconds(b); x != y {
		t.Errorf("the training state differs: %s and %s", x, y)
	}
	if x, y := best(t, want), best(t, got); x.Manifest.Step != y.Manifest.Step || !bytes.Equal(variables(t, x), variables(t, y)) {
		t.Errorf("the best checkpoints, of steps %d and %d, differ", x.Manifest.Step, y.Manifest.Step)
	}
	x, y := readLog(t, want), readLog(t, got)
	if int64(len(x.Steps)) != steps || len(x.Evals) == 0 {
		t.Errorf("the log has %d steps and %d evaluations", len(x.Steps), len(x.Evals))
	}
	if !reflect.DeepEqual(x.Steps, y.Steps) {
		t.Error("the steps' records differ")
	}
	if !reflect.DeepEqual(x.Evals, y.Evals) {
		t.Error("the evaluations' records differ")
	}
}

var seconds = regexp.MustCompile(`"seconds": ?[0-9.e+-]+`)

// withoutSeconds is a checkpoint's training state but for durations.
func withoutSeconds(c *checkpoint.Checkpoint) string {
	return seconds.ReplaceAllString(string(c.Manifest.State), "")
}

// steps is a flag's value.
func steps(n int64) string { return fmt.Sprintf("--steps=%d", n) }
