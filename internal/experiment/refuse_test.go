package experiment

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/kafisto/kafisto/internal/alloctest"
	"github.com/kafisto/kafisto/internal/job"
	"github.com/kafisto/kafisto/internal/train"
)

// TestRunRefuses damages results: they are refused with a sentence, and nothing
// is changed.
func TestRunRefuses(t *testing.T) {
	dir := t.TempDir()
	g := newGrid(t, dir)
	o := options(t, dir, &console{})
	if err := g.Run(t.Context(), o); err != nil {
		t.Fatal(err)
	}
	run := filepath.Join(dir, RunsFolder, g.Runs()[0].Folder)
	for _, c := range []struct {
		file   string
		damage func(text []byte) []byte
	}{
		{job.SettingsFile, func(text []byte) []byte { return text[:len(text)/2] }},
		{train.LogFile, func(text []byte) []byte { return append([]byte("x"), text...) }},
		{train.LogFile, func(text []byte) []byte { return text[:len(text)/2] }},
		{train.LogFile, func(text []byte) []byte { return text[:bytes.LastIndex(text, []byte(`{"type":"eval"`))] }},
		{train.LogFile, func(text []byte) []byte { return nil }},
	} {
		file, damage := c.file, c.damage
		path := filepath.Join(run, file)
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, damage(text), 0o644); err != nil {
			t.Fatal(err)
		}
		before := files(t, dir)
		if err := newGrid(t, dir).Run(t.Context(), o); err == nil || !strings.Contains(err.Error(), path) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s damaged: %v, want one sentence with its path", file, err)
		}
		if !equal(before, files(t, dir)) {
			t.Errorf("%s damaged: files were changed", file)
		}
		if err := os.WriteFile(path, text, 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// TestCutLogIsGoneOnWith cuts the end of a finished run's log, as a crash does:
// the run is finished again from its checkpoint, without a step.
func TestCutLogIsGoneOnWith(t *testing.T) {
	dir := t.TempDir()
	g, c := newGrid(t, dir), &console{}
	o := options(t, dir, c)
	if err := g.Run(t.Context(), o); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, RunsFolder, g.Runs()[0].Folder, train.LogFile)
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, text[:len(text)-10], 0o644); err != nil {
		t.Fatal(err)
	}
	steps := c.steps
	if err := newGrid(t, dir).Run(t.Context(), o); err != nil {
		t.Fatal(err)
	}
	if state, err := job.Look(filepath.Dir(path), g.Runs()[0].Settings); err != nil || !state.Done || c.steps != steps {
		t.Errorf("state %+v (%v) after %d more steps", state, err, c.steps-steps)
	}
}

func TestFolderRefuses(t *testing.T) {
	for name, c := range map[string]struct{ file, text, want string }{
		"profile": {MarkFile, `{"format":1,"profile":"full"}`, `of the profile "full", not "short"`},
		"version": {MarkFile, `{"format":2,"profile":"short"}`, "format 2"},
		"cut":     {MarkFile, `{"format":1,`, "does not say what"},
		"other":   {"settings.json", `{}`, "not a results folder"},
	} {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, c.file), []byte(c.text), 0o644); err != nil {
			t.Fatal(err)
		}
		before := files(t, dir)
		if err := Open(dir, Short); err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: %v, want one sentence with %q", name, err, c.want)
		}
		if !equal(before, files(t, dir)) {
			t.Errorf("%s: files were changed", name)
		}
	}
}

// FuzzMark: a folder's mark is of the profile and format asked for, or refused in a
// sentence.
func FuzzMark(f *testing.F) {
	f.Add(`{"format":1,"profile":"short"}`)
	f.Add(`{"format":1,"profile":"full"}`)
	f.Add(`{"format":2,"x":[[[]]]`)
	dir := f.TempDir()
	f.Fuzz(func(t *testing.T, text string) {
		if err := os.WriteFile(filepath.Join(dir, MarkFile), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		var err error
		alloctest.Within(t, 1<<17+32*len(text), func() { err = CheckFolder(dir, Short) })
		if err != nil && (!strings.Contains(err.Error(), dir) || strings.Contains(err.Error(), "\n")) {
			t.Errorf("no sentence about the folder: %q", err)
		}
		named := strings.Contains(strings.ToLower(text), "format") || strings.Contains(text, `\u`)
		if err == nil && !(named && json.Valid([]byte(text))) {
			t.Errorf("%q was taken", text)
		}
	})
}
