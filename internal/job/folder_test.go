package job

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/kafisto/kafisto/internal/alloctest"
	"github.com/kafisto/kafisto/internal/inputfile"
)

func TestLargeFilesAreRefused(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{SettingsFile, FrechetFile} {
		if err := os.WriteFile(filepath.Join(dir, name), make([]byte, inputfile.Small+1), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	_, settings := LoadSettings(dir)
	_, distances := LoadFrechet(dir)
	for _, err := range []error{settings, distances} {
		if err == nil || !strings.Contains(err.Error(), "has more than 1048576 bytes") {
			t.Errorf("%v", err)
		}
	}
}

// FuzzRunFolder puts a text in the place of each of a job's files.
func FuzzRunFolder(f *testing.F) {
	f.Add(`{"group":"sgd","resumed":["kafisto train"],"machine":null}`)
	f.Add(`[{"name":"FID","distance":1.5,"features":"a","samples":2,"against":2,"step":1,"dataset":"b","seed":1}]`)
	f.Add(`[{}` + strings.Repeat(",{}", 5000) + `]`)
	f.Add(`{"resumed":[""` + strings.Repeat(`,""`, 5000) + `]}`)
	f.Add(`{"a":[[]` + strings.Repeat(",{}", 5000) + `]}`)
	f.Add(`{"seed":1e999,"model":"x"}`)
	dir := f.TempDir()
	f.Fuzz(func(t *testing.T, text string) {
		for _, name := range []string{AboutFile, OptimizerFile, FrechetFile} {
			if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		var about About
		var optimizer map[string]any
		var distances []Frechet
		var errs [3]error
		alloctest.Within(t, 1<<17+64*len(text), func() { errs[0] = readJSON(filepath.Join(dir, AboutFile), &about) })
		alloctest.Within(t, 1<<17+128*len(text), func() { errs[1] = readJSON(filepath.Join(dir, OptimizerFile), &optimizer) })
		alloctest.Within(t, 1<<17+320*len(text), func() { distances, errs[2] = LoadFrechet(dir) })
		for _, err := range errs {
			if err != nil && (!strings.Contains(err.Error(), dir) || strings.Contains(err.Error(), "\n")) {
				t.Errorf("no sentence about a file: %q", err)
			}
		}
		for _, d := range distances {
			if d.Name == "" || d.Samples < 2 || !(d.Distance >= 0) {
				t.Errorf("%+v was taken", d)
			}
		}
		if errs[2] == nil && !json.Valid([]byte(text)) {
			t.Errorf("%q was taken", text)
		}
	})
}
