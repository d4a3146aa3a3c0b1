package cli

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/kafisto/kafisto/internal/train"
)

// tinyWords are settings of a language model's run of a second.
var tinyWords = []string{"train", "--dataset=shakespeare", "--model=tiny-lstm", "--width=4", "--batch-size=4", "--window=5",
	"--train-examples=400", "--eval-examples=300", "--steps=6", "--eval-every=2", "--save-every=2", "--engine=go", "--quiet"}

// TestEvalIsTheLogs evaluates what a run has saved, and finds what its log says:
// of the best and of the newest checkpoint, and however the text is read.
func TestEvalIsTheLogs(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "words")
	succeed(t, with(tinyWords, "--dir", dir)...)
	evals := record(t, dir).Log.Evals
	newest := evals[len(evals)-2:]
	for _, args := range [][]string{{"--checkpoint=newest"}, {"--checkpoint=newest", "--batch-size=3", "--window=11"}} {
		got := ofType(objects(t, succeed(t, with([]string{"eval", dir, "--json"}, args...)...).stdout), "eval")
		if len(got) != 2 {
			t.Fatalf("%v: %v", args, got)
		}
		for i, e := range got {
			if e["split"] != newest[i].Split || e["step"] != 6.0 || e["examples"] != 300.0 || !close6(e["perplexity"].(float64), newest[i].Perplexity) {
				t.Errorf("%v: evaluation %v, the log has %+v", args, e, newest[i])
			}
		}
	}
	best, ok := record(t, dir).Log.LowestLoss()
	text := succeed(t, "eval", dir).stdout
	if !ok || !strings.Contains(text, fmt.Sprintf("validation perplexity %.4f", best.Perplexity)) || !strings.Contains(text, "guessing by frequency") {
		t.Errorf("the best checkpoint's evaluation is\n%s, the log has %+v", text, best)
	}

	images := filepath.Join(t.TempDir(), "images")
	succeed(t, with([]string{"train", "--quiet", "--dir", images}, tiny...)...)
	e := record(t, images).Log.Evals[0]
	if text := succeed(t, "eval", images).stdout; !strings.Contains(text, fmt.Sprintf("validation top-1 error %.2f %%", e.Top1Error)) {
		t.Errorf("the images' evaluation is %q, the log has %+v", text, e)
	}
	for _, c := range []struct {
		args []string
		code int
		says string
	}{
		{[]string{"eval", images, "--window=3"}, exitFailed, "of images"},
		{[]string{"generate", images}, exitFailed, "of images"},
		{[]string{"eval", dir, "--checkpoint", images}, exitFailed, "damaged"},
		{[]string{"eval", dir, "--checkpoint", checkpointOf(t, images)}, exitFailed, "another model"},
		{[]string{"generate", dir, "--checkpoint", checkpointOf(t, images)}, exitFailed, "another model"},
		{[]string{"fid", images, "--classifier", dir}, exitFailed, "generates no images"},
		{[]string{"fid", dir, "--classifier", images}, exitFailed, "generates no images"},
		{[]string{"eval", dir, "--checkpoint=nothere"}, exitFailed, "no such folder"},
		{[]string{"eval", dir, "--checkpoint="}, exitUsage, "checkpoint"},
		{[]string{"eval", dir, "--engine=tpu"}, exitUsage, "tpu"},
		{[]string{"eval", dir, "--window=-1"}, exitUsage, "window"},
		{[]string{"eval", filepath.Dir(dir)}, exitFailed, "no run"},
		{[]string{"generate", dir, "--prompt=the computer"}, exitFailed, `"computer"`},
		{[]string{"generate", dir, "--temperature=NaN"}, exitUsage, "temperature"},
		{[]string{"generate", dir, "--top-k=-1"}, exitUsage, "top-k"},
		{[]string{"generate", dir, "--words=0"}, exitUsage, "words"},
	} {
		r := run(t, c.args...)
		if r.code != c.code || !strings.Contains(r.stderr, c.says) || strings.Count(r.stderr, "\n") != 1 || r.stdout != "" {
			t.Errorf("%v: exit code %d, %q and %q; want %d and a sentence with %q", c.args, r.code, r.stdout, r.stderr, c.code, c.says)
		}
	}
}

func close6(a, b float64) bool { return a-b < 1e-4*b && b-a < 1e-4*b }

// checkpointOf is the folder of a run's only checkpoint.
func checkpointOf(t *testing.T, dir string) string {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(dir, train.CheckpointsFolder, "step-*"))
	if err != nil || len(found) == 0 {
		t.Fatal(found, err)
	}
	return found[0]
}

func TestGenerateWritesWords(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "words")
	succeed(t, with(tinyWords, "--dir", dir)...)
	before := listing(t, dir)
	text := succeed(t, "generate", dir, "--words=40", "--prompt=my  lord").stdout
	if !strings.HasPrefix(text, "my lord") || strings.Contains(text, "<unk>") || strings.Contains(text, "<eos>") || !strings.HasSuffix(text, "\n") {
		t.Errorf("text %q", text)
	}
	if again := succeed(t, "generate", dir, "--words=40", "--prompt=my lord").stdout; again != text {
		t.Errorf("the same seed writes %q, then %q", text, again)
	}
	if other := succeed(t, "generate", dir, "--words=40", "--prompt=my lord", "--seed=2").stdout; other == text {
		t.Error("another seed writes the same")
	}
	got := ofType(objects(t, succeed(t, "generate", dir, "--words=7", "--json").stdout), "generated")
	if len(got) != 1 || len(got[0]["words"].([]any)) != 7 {
		t.Errorf("as JSON: %v", got)
	}
	ctx, cancel := context.WithCancel(t.Context())
	written := 0
	r := runUnder(t, ctx, func(string) {
		if written++; written == 20 {
			cancel()
		}
	}, "generate", dir, "--words=1000000")
	if r.code != exitStopped || !strings.Contains(r.stderr, "stopped after") {
		t.Errorf("stopped: exit code %d, %q", r.code, r.stderr)
	}
	if after := listing(t, dir); after != before {
		t.Errorf("the run's folder was changed: %s, then %s", before, after)
	}
}

// listing names the files in a folder with their sizes.
func listing(t *testing.T, dir string) string {
	t.Helper()
	var all []string
	err := filepath.Walk(dir, func(path string, info os.FileInfo, err error) error {
		if err == nil {
			all = append(all, fmt.Sprint(path, info.Size()))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return strings.Join(all, " ")
}
