package cli

import (
	"context"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/kafisto/kafisto/internal/job"
)

// TestFidOfARun trains a classifier and, with its features, a generator, whose images it then compares
// with the data set's: by the classifier, and in vain by weights that are none.
func TestFidOfARun(t *testing.T) {
	t.Setenv("XDG_CACHE_HOME", t.TempDir()) // where the statistics are kept
	t.Setenv("HOME", t.TempDir())
	classifier, gan := filepath.Join(t.TempDir(), "classifier"), filepath.Join(t.TempDir(), "gan")
	train := func(dir string, args ...string) ran {
		return run(t, append(with(args, "--quiet", "--optimizer=sgd", "--dir", dir), tiny...)...)
	}
	if r := train(classifier, "train", "--width=2"); r.code != exitDone {
		t.Fatal(r.stderr)
	}
	narrow := []string{"train", "--model=dcgan", "--width=1", "--critic-steps=1", "--generated=30"}
	if r := train(gan, with(narrow, "--features", classifier)...); r.code != exitDone {
		t.Fatal(r.stderr)
	}
	evals := record(t, gan).Log.Evals
	last := evals[len(evals)-1].GAN
	if last == nil || last.Frechet == nil || !(*last.Frechet > 0) || !strings.HasPrefix(last.Features, "small-cnn of fashion-sample step 3 sha256:") {
		t.Errorf("the log has %+v", last)
	}

	compare := []string{"fid", gan, "--classifier", classifier, "--checkpoint=newest", "--samples=30", "--against=64"}
	text := succeed(t, compare...)
	const name = "Fréchet distance (not FID) on features of small-cnn of fashion-sample at step 3"
	if !strings.HasPrefix(text.stdout, name+": ") || !strings.HasSuffix(text.stdout, " (30 generated images, 64 training images of fashion-sample, step 3)\n") || strings.Count(text.stdout, "\n") != 1 {
		t.Errorf("standard output %q", text.stdout)
	}
	if !strings.Contains(text.stderr, "generated images: 30 of 30\n") || strings.Contains(text.stderr, "features of training images") {
		t.Errorf("progress %q: the statistics are in the cache already", text.stderr)
	}
	all := objects(t, succeed(t, with(compare, "--json", "--seed=2")...).stdout)
	figure := ofType(all, "frechet")
	kept, err := job.LoadFrechet(gan)
	if err != nil || len(kept) != 1 || len(figure) != 1 || figure[0]["name"] != name || figure[0]["distance"] != kept[0].Distance || kept[0].Seed != 2 || len(ofType(all, "stage")) == 0 {
		t.Errorf("as JSON %v, kept %+v (%v)", all, kept, err)
	}
	checkFidFails(t, gan, classifier)
	if again, err := job.LoadFrechet(gan); err != nil || !reflect.DeepEqual(again, kept) {
		t.Errorf("failures have changed what is kept: %+v, %v", again, err)
	}
	if r := train(filepath.Join(t.TempDir(), "new"), with(narrow, "--features", gan)...); r.code != exitFailed || !strings.Contains(r.stderr, "no classifier") {
		t.Errorf("features of a GAN: exit code %d, %q", r.code, r.stderr)
	}
}

// checkFidFails has what cannot be compared: each is one sentence and its exit code.
func checkFidFails(t *testing.T, gan, classifier string) {
	t.Helper()
	garbage, pickle := write(t, "garbage.pth", "no weights"), write(t, "bad.pth", "\x80\x02cos\nsystem\nX\x04\x00\x00\x00true\x85R.")
	for says, args := range map[string][]string{
		"or name a copy with --weights": {"--offline"},
		"no run in":                     {"--classifier", filepath.Dir(gan)},
		"trains dcgan, which is no":     {"--classifier", gan},
		"garbage.pth: ":                 {"--weights", garbage},
		"bad.pth: ":                     {"--weights", pickle},
		"nothere":                       {"--weights=nothere"},
		"no examples 0 to 3000000":      {"--against=3000000", "--classifier", classifier},
	} {
		r := run(t, with([]string{"fid", gan, "--samples=4"}, args...)...)
		if r.code != exitFailed || !strings.Contains(r.stderr, says) || strings.Count(r.stderr, "\n") != 1 || r.stdout != "" {
			t.Errorf("%v: exit code %d, %q and %q; want a sentence with %q", args, r.code, r.stdout, r.stderr, says)
		}
	}
	for at, says := range map[string]string{"generated images:": "stopped after 100 of 5000 images", "features of generated images:": "stopped while features were computed"} {
		ctx, cancel := context.WithCancel(t.Context())
		r := runUnder(t, ctx, func(text string) {
			if strings.HasPrefix(text, at) {
				cancel()
			}
		}, "fid", gan, "--classifier", classifier, "--samples=5000", "--against=64")
		if r.code != exitStopped || !strings.Contains(r.stderr, says) {
			t.Errorf("%s stopped: exit code %d, %q", at, r.code, r.stderr)
		}
		cancel()
	}
}
