package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/kafisto/kafisto/internal/job"
)

// tiny are settings of a run of a second.
var tiny = []string{"--train-examples=64", "--eval-examples=50", "--batch-size=16", "--steps=3", "--engine=go"}

// ran is what a command left.
type ran struct {
	code           int
	stdout, stderr string
}

// run calls the command as the shell does, but for signals.
func run(t *testing.T, args ...string) ran {
	t.Helper()
	return runUnder(t, t.Context(), nil, args...)
}

// runUnder calls the command; each is told what is written, if it is not nil.
func runUnder(t *testing.T, ctx context.Context, each func(text string), args ...string) ran {
	t.Helper()
	var stdout, stderr bytes.Buffer
	code := Main(ctx, args, strings.NewReader(""), watched{&stdout, each}, watched{&stderr, each})
	return ran{code, stdout.String(), stderr.String()}
}

type watched struct {
	io.Writer
	each func(string)
}

func (w watched) Write(p []byte) (int, error) {
	if w.each != nil {
		w.each(string(p))
	}
	return w.Writer.Write(p)
}

// succeed runs a command that must succeed.
func succeed(t *testing.T, args ...string) ran {
	t.Helper()
	r := run(t, args...)
	if r.code != exitDone {
		t.Fatalf("kafisto %s: exit code %d\n%s%s", strings.Join(args, " "), r.code, r.stdout, r.stderr)
	}
	return r
}

// with appends to a copy.
func with(args []string, more ...string) []string {
	return append(args[:len(args):len(args)], more...)
}

// record reads a run folder.
func record(t *testing.T, dir string) job.Record {
	t.Helper()
	r, err := job.LoadRun(dir)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// objects parses lines of JSON, each of which must have a type.
func objects(t *testing.T, text string) []map[string]any {
	t.Helper()
	var all []map[string]any
	for line := range strings.Lines(text) {
		var object map[string]any
		if err := json.Unmarshal([]byte(line), &object); err != nil {
			t.Fatalf("%q is not a JSON object: %v", line, err)
		}
		if kind, _ := object["type"].(string); kind == "" {
			t.Fatalf("%q has no type", line)
		}
		all = append(all, object)
	}
	return all
}

// ofType picks the objects of a type.
func ofType(all []map[string]any, kind string) (some []map[string]any) {
	for _, object := range all {
		if object["type"] == kind {
			some = append(some, object)
		}
	}
	return some
}

// noLeftovers fails if a temporary file lies about in a folder.
func noLeftovers(t *testing.T, dir string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, entry os.DirEntry, err error) error {
		if err == nil && path != dir && strings.HasPrefix(entry.Name(), ".") {
			t.Errorf("%s was left behind", path)
		}
		return err
	})
	if err != nil && !os.IsNotExist(err) {
		t.Error(err)
	}
}

// write makes a file with that text and returns its path.
func write(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}
