package cli

import (
	"encoding/json"
	"io"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/kafisto/kafisto/internal/job"
)

// parsed is the train command that a command line means.
func parsed(args []string) (*trainCommand, error) {
	var p program
	parser, err := newParser(&p, &session{stdout: io.Discard, stderr: io.Discard}, func(int) {})
	if err == nil {
		_, err = parser.Parse(append([]string{"train"}, args...))
	}
	return &p.Train, err
}

func TestFlagsAndSettingsHaveTheSameNames(t *testing.T) {
	var p program
	parser, err := newParser(&p, &session{stdout: io.Discard, stderr: io.Discard}, func(int) {})
	if err != nil {
		t.Fatal(err)
	}
	var flags, keys []string
	for _, command := range parser.Model.Children {
		if command.Name != "train" {
			continue
		}
		for _, flag := range command.Flags {
			if flag.Group != nil {
				flags = append(flags, flag.Name)
			}
		}
	}
	fields := reflect.TypeFor[job.Settings]()
	for i := range fields.NumField() {
		key, _, _ := strings.Cut(fields.Field(i).Tag.Get("json"), ",")
		keys = append(keys, key)
	}
	if len(keys) < 30 || !slices.Equal(flags, keys) {
		t.Errorf("flags\n%q\nkeys of settings files\n%q", flags, keys)
	}
}

func TestFlagsGoBeforeFileAndFileBeforeDefaults(t *testing.T) {
	names := []string{"epochs", "batch-size", "learning-rate", "beta1", "momentum", "augment", "decay-biases", "variant", "seed", "constant-state-noise"}
	values := map[string][2]any{ // one for the file, one for the flag
		"epochs": {7, 9}, "batch-size": {16, 17}, "learning-rate": {0.25, 0.5}, "beta1": {0.1, 0.2}, "momentum": {0.5, 0.6},
		"augment": {true, false}, "decay-biases": {false, true}, "variant": {"paper", "published"}, "seed": {1 << 60, 3}, "constant-state-noise": {0.5, 2.5},
	}
	dir := t.TempDir()
	rapid.Check(t, func(t *rapid.T) {
		inFile := rapid.SliceOfDistinct(rapid.SampledFrom(names), rapid.ID).Draw(t, "in the file")
		onLine := rapid.SliceOfDistinct(rapid.SampledFrom(names), rapid.ID).Draw(t, "on the command line")
		file, want, args := map[string]any{}, job.Defaults().Map(), []string{}
		for _, name := range inFile {
			file[name], want[name] = values[name][0], values[name][0]
		}
		for _, name := range onLine {
			text, _ := json.Marshal(values[name][1])
			args = append(args, "--"+name+"="+strings.Trim(string(text), `"`))
			want[name] = values[name][1]
		}
		text, _ := json.Marshal(file)
		path := filepath.Join(dir, "settings.json")
		if err := os.WriteFile(path, text, 0o644); err != nil {
			t.Fatal(err)
		}
		got, err := parsed(append(args, "--settings", path))
		if err != nil {
			t.Fatal(err)
		}
		if a, b := canonical(got.Job.Map()), canonical(want); !maps.Equal(a, b) {
			t.Fatalf("got %v\nwant %v", a, b)
		}
	})
}

// canonical writes every value as JSON does.
func canonical(values map[string]any) map[string]string {
	out := map[string]string{}
	for name, value := range values {
		text, _ := json.Marshal(value)
		out[name] = string(text)
	}
	return out
}

func TestResumeTakesTheRunsSettings(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, job.SettingsFile), []byte(`{"epochs": 4, "beta2": 0.5, "seed": 9007199254740993}`), 0o644); err != nil {
		t.Fatal(err)
	}
	got, err := parsed([]string{"--dir", dir, "--resume", "--epochs", "6"})
	if err != nil {
		t.Fatal(err)
	}
	if got.Job.Epochs != 6 || got.Job.Beta2 != 0.5 || got.Job.Seed != 9007199254740993 || got.Job.Model != "small-cnn" {
		t.Errorf("got %+v", got.Job)
	}
}
