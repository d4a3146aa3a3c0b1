package cli

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/kafisto/kafisto/internal/train"
)

func TestBadInputGivesOneSentence(t *testing.T) {
	file := write(t, "file", "text")
	short := filepath.Dir(write(t, "data_batch_1.bin", "too short"))
	settings := func(text string) string { return "--settings=" + write(t, "settings.json", text) }
	for _, c := range []struct {
		name string
		args []string // DIR stands for a folder that is not there
		code int
		says string
	}{
		{"unknown command", []string{"trian"}, exitUsage, "tra"},
		{"unknown flag", []string{"train", "--foo"}, exitUsage, "--foo"},
		{"wrong number", []string{"train", "--epochs=many", "--dir=DIR"}, exitUsage, "--epochs"},
		{"negative", []string{"train", "--epochs=-1", "--dir=DIR"}, exitUsage, "epochs"},
		{"not finite", []string{"train", "--weight-decay=NaN", "--dir=DIR"}, exitUsage, "weight-decay"},
		{"infinite rate", []string{"train", "--learning-rate=Inf", "--dir=DIR"}, exitUsage, "learning-rate"},
		{"unknown optimizer", []string{"train", "--optimizer=sdg", "--dir=DIR"}, exitUsage, "sdg"},
		{"unknown data set", []string{"train", "--dataset=mnist", "--dir=DIR"}, exitUsage, "mnist"},
		{"unknown network", []string{"train", "--model=vgg", "--dir=DIR"}, exitUsage, "vgg"},
		{"unknown engine", []string{"train", "--engine=tpu", "--dir=DIR"}, exitUsage, "tpu"},
		{"unknown schedule", []string{"train", "--schedule=wave", "--dir=DIR"}, exitUsage, "wave"},
		{"epsilon of another optimizer", []string{"train", "--schedule-on=epsilon", "--optimizer=sgd", "--dir=DIR"}, exitUsage, "schedule-on"},
		{"negative warm-up", []string{"train", "--warm-up=-1", "--dir=DIR"}, exitUsage, "warm-up"},
		{"unknown variant", []string{"train", "--variant=new", "--dir=DIR"}, exitUsage, "new"},
		{"wrong target", []string{"train", "--target=half", "--dir=DIR"}, exitUsage, "half"},
		{"too many images", []string{"train", "--train-examples=999999", "--dir=DIR"}, exitFailed, "999999"},
		{"no settings file", []string{"train", "--settings=DIR/none.json"}, exitUsage, "none.json"},
		{"settings file is a folder", []string{"train", "--settings", t.TempDir()}, exitUsage, "director"},
		{"unknown setting", []string{"train", settings(`{"epoch": 1}`), "--dir=DIR"}, exitUsage, `"epoch"`},
		{"setting of another kind", []string{"train", settings(`{"epochs": "3"}`), "--dir=DIR"}, exitUsage, "whole number"},
		{"settings cut short", []string{"train", settings(`{"epochs": 3`), "--dir=DIR"}, exitUsage, "too early"},
		{"no JSON", []string{"train", settings(`epochs: 3`), "--dir=DIR"}, exitUsage, "settings.json"},
		{"settings and resume", []string{"train", settings(`{}`), "--resume", "--dir=DIR"}, exitUsage, "--resume"},
		{"resume nothing", []string{"train", "--dir=DIR", "--resume"}, exitFailed, "no run"},
		{"resume nowhere", []string{"train", "--resume"}, exitUsage, "--dir"},
		{"run folder below a file", with([]string{"train", "--dir=" + file + "/run"}, tiny...), exitFailed, "not a directory"},
		{"no data folder", []string{"train", "--dataset=cifar10", "--data-dir=DIR/none", "--dir=DIR"}, exitFailed, "none"},
		{"offline without data", []string{"data", "fetch", "cifar10", "--data-dir", t.TempDir(), "--offline"}, exitFailed, "network"},
		{"data cut short", []string{"train", "--dataset=cifar10", "--data-dir=" + short, "--dir=DIR"}, exitFailed, "data_batch_1.bin"},
		{"checked data cut short", []string{"data", "check", "cifar10", "--data-dir=" + short}, exitFailed, "data_batch_1.bin"},
		{"unknown data set to fetch", []string{"data", "fetch", "mnist"}, exitUsage, "mnist"},
		{"unknown data set to check", []string{"data", "check", "mnist"}, exitUsage, "mnist"},
		{"no engine to install", []string{"engine", "install", "tpu"}, exitUsage, "tpu"},
		{"unknown contender", []string{"compare", "kafisto", "sdg", "--dir=DIR"}, exitUsage, "sdg"},
		{"contender's unknown setting", []string{"compare", "sgd:momentun=0.9", "--dir=DIR"}, exitUsage, "momentun"},
		{"contender's wrong value", []string{"compare", "sgd:momentum=big", "--dir=DIR"}, exitUsage, "momentum"},
		{"contender's text for a number", []string{"compare", `sgd:momentum="0.9"`, "--dir=DIR"}, exitUsage, "momentum"},
		{"contender without a value", []string{"compare", "sgd:momentum", "--dir=DIR"}, exitUsage, "SETTING=VALUE"},
		{"contender with a seed", []string{"compare", "sgd:seed=3", "--dir=DIR"}, exitUsage, "seed"},
		{"contender twice", []string{"compare", "sgd", "sgd", "--dir=DIR"}, exitUsage, "once"},
		{"seed twice", []string{"compare", "sgd", "--seeds=1,1", "--dir=DIR"}, exitUsage, "twice"},
		{"one seed for all", []string{"compare", "sgd", "--seed=3", "--dir=DIR"}, exitUsage, "--seeds"},
		{"one optimizer for all", []string{"compare", "--optimizer=sgd", "--dir=DIR"}, exitUsage, "contenders"},
		{"not finite for all", []string{"compare", "sgd", "--weight-decay=Inf", "--dir=DIR"}, exitUsage, "weight-decay"},
		{"search over nothing", []string{"search", "--dir=DIR"}, exitUsage, "--over"},
		{"search over an unknown setting", []string{"search", "--over=momentun=0,1", "--dir=DIR"}, exitUsage, "momentun"},
		{"searched value of another kind", []string{"search", "--over=epochs=1,1.5", "--dir=DIR"}, exitUsage, "whole number"},
		{"mistyped flag of an inner command", []string{"data", "check", "--dir=DIR"}, exitUsage, "see kafisto data check --help"},
		{"search over data sets", []string{"search", "--over=dataset=cifar10,cifar100", "--dir=DIR"}, exitUsage, "same held-out data"},
		{"search over held-out images", []string{"search", "--over=eval-examples=100,300", "--dir=DIR"}, exitUsage, "same held-out data"},
		{"searched value that cannot be", []string{"search", "--over=learning-rate=0.1,-1", "--dir=DIR"}, exitUsage, "learning-rate=-1"},
		{"range in a grid", []string{"search", "--over=momentum=0..1", "--dir=DIR"}, exitUsage, "--trials"},
		{"end of a range that cannot be", []string{"search", "--trials=1", "--over=batch-size=0..1000", "--dir=DIR"}, exitUsage, "batch-size=0"},
		{"negative trials", []string{"search", "--trials=-1", "--over=momentum=0..1", "--dir=DIR"}, exitUsage, "trials"},
		{"one seed for a search", []string{"search", "--seed=3", "--over=momentum=0,1", "--dir=DIR"}, exitUsage, "--seeds"},
		{"seed of a search twice", []string{"search", "--seeds=1,1", "--over=momentum=0,1", "--dir=DIR"}, exitUsage, "twice"},
		{"unknown ranking", []string{"search", "--rank-by=mean", "--over=momentum=0,1", "--dir=DIR"}, exitUsage, "mean"},
		{"ranking of nothing", []string{"search", "--report-only", "--over=momentum=0,0.5", "--dir=DIR"}, exitFailed, "no results"},
		{"search without data", []string{"search", "--dataset=cifar10", "--data-dir=DIR/none", "--over=momentum=0,0.5", "--dir=DIR"}, exitFailed, "none"},
		{"search below a file", []string{"search", "--over=momentum=0,0.5", "--dir=" + file + "/search"}, exitFailed, "not a directory"},
		{"no runs", []string{"report", t.TempDir()}, exitFailed, "no run"},
		{"no folder", []string{"report", "DIR/none"}, exitFailed, "none"},
		{"no case to measure", []string{"bench"}, exitUsage, "resnet18"},
		{"unknown case", []string{"bench", "resnet"}, exitUsage, `"resnet"`},
		{"case twice", []string{"bench", "conv", "conv/512-512@4/input"}, exitUsage, "twice"},
		{"engine to measure", []string{"bench", "data", "--engine=tpu"}, exitUsage, "tpu"},
		{"optimizer to measure", []string{"bench", "data", "--optimizer=sdg"}, exitUsage, "sdg"},
		{"no rounds", []string{"bench", "data", "--rounds=0"}, exitUsage, "rounds"},
		{"no timed steps", []string{"bench", "data", "--steps=0"}, exitUsage, "steps"},
		{"no warm-up", []string{"bench", "data", "--warmup=0"}, exitUsage, "warmup"},
		{"negative batch", []string{"bench", "data", "--batch=-1"}, exitUsage, "batch"},
		{"no time", []string{"bench", "data", "--timeout=0s"}, exitUsage, "timeout"},
		{"wrong time", []string{"bench", "data", "--timeout=soon"}, exitUsage, "--timeout"},
		{"blank peer", []string{"bench", "data", "--peer= "}, exitUsage, "peer"},
		{"peer with half a quote", []string{"bench", "data", "--peer=a 'b"}, exitUsage, "quote"},
		{"two cases for a child", []string{"bench", "optimizer", "--child"}, exitUsage, "one"},
		{"no data to measure", []string{"bench", "data", "--child", "--engine=go", "--data-dir=DIR/none"}, exitFailed, "none"},
		{"no images to compare", []string{"fid", "DIR", "--samples=1"}, exitUsage, "samples"},
		{"one image to compare with", []string{"fid", "DIR", "--against=1"}, exitUsage, "against"},
		{"two kinds of features", []string{"fid", "DIR", "--weights=" + file, "--classifier=DIR"}, exitUsage, "--classifier"},
		{"engine to compare on", []string{"fid", "DIR", "--engine=tpu"}, exitUsage, "tpu"},
		{"no checkpoint to compare", []string{"fid", "DIR", "--checkpoint="}, exitUsage, "checkpoint"},
		{"no run to compare", []string{"fid", "DIR"}, exitFailed, "no run"},
		{"report of nothing", []string{"report"}, exitUsage, "dir"},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "new")
			args := make([]string, len(c.args))
			for i, arg := range c.args {
				args[i] = strings.ReplaceAll(arg, "DIR", dir)
			}
			r := run(t, args...)
			if r.code != c.code {
				t.Errorf("exit code %d, want %d", r.code, c.code)
			}
			if strings.Count(r.stderr, "\n") != 1 || !strings.HasPrefix(r.stderr, "kafisto: ") || !strings.Contains(r.stderr, c.says) {
				t.Errorf("standard error %q is not one sentence about %q", r.stderr, c.says)
			}
			if r.stdout != "" {
				t.Errorf("standard output %q", r.stdout)
			}
			if _, err := os.Stat(dir); !os.IsNotExist(err) {
				t.Errorf("%s was made (%v)", dir, err)
			}
		})
	}
}

func TestFullOutputIsAnError(t *testing.T) {
	for _, args := range [][]string{{"version"}, {"--help"}, {"data", "list", "--json"}} {
		var stderr bytes.Buffer
		code := Main(t.Context(), args, strings.NewReader(""), full{}, &stderr)
		if code != exitFailed || strings.Count(stderr.String(), "\n") != 1 || !strings.Contains(stderr.String(), syscall.ENOSPC.Error()) {
			t.Errorf("%v: exit code %d, standard error %q", args, code, stderr.String())
		}
	}
}

type full struct{}

func (full) Write([]byte) (int, error) { return 0, syscall.ENOSPC }

func TestSentenceLeavesOutInnerWords(t *testing.T) {
	full := func(reason error) error {
		return advised(fmt.Errorf("train: checkpoint: step 3 not saved: %w", reason), "this")
	}
	for want, err := range map[string]error{
		"cannot write x: no":      errors.New("report: atomicfile: cannot write x: no\nand more"),
		"settings: epochs is 0":   errors.New("settings: epochs is 0"),
		"one; two":                errors.Join(errors.New("job: one"), errors.New("lockfile: two")),
		"stopped; to go on: this": advised(fmt.Errorf("train: %w; resume to go on", train.ErrStopped), "this"),
		"step 3 not saved: " + syscall.ENOSPC.Error() + "; what was saved before is intact: free space, then this":                                      full(syscall.ENOSPC),
		"step 3 not saved: " + syscall.EDQUOT.Error() + "; what was saved before is intact: free space in your quota, then this":                        full(syscall.EDQUOT),
		"step 3 not saved: " + syscall.EFBIG.Error() + "; what was saved before is intact: raise the limit on the size of files (ulimit -f), then this": full(syscall.EFBIG),
		"step 3 not saved: " + syscall.EIO.Error(): full(syscall.EIO),
	} {
		if got := sentence(err); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

func TestPanicIsOneSentence(t *testing.T) {
	shout := func(string) { panic("first line\nsecond line") }
	defer func() {
		if reason := recover(); reason != nil {
			t.Errorf("the panic came out: %v", reason)
		}
	}()
	calls := 0
	r := runUnder(t, t.Context(), func(text string) {
		if calls++; calls == 1 {
			shout(text)
		}
	}, "version")
	if r.code != exitFailed || strings.Count(r.stderr, "\n") != 1 || !strings.Contains(r.stderr, "first line") {
		t.Errorf("exit code %d, standard error %q", r.code, r.stderr)
	}
}
