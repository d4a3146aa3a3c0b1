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

// runFolderFiles are contents of a job's files, with lists that grow with n: what
// takes the most memory of a file.
func runFolderFiles(n int) []string {
	return []string{
		`{"group":"sgd","resumed":["kafisto train"],"machine":null}`,
		`[{"name":"FID","distance":1.5,"features":"a","samples":2,"against":2,"step":1,"dataset":"b","seed":1}]`,
		`{"seed":1e999,"model":"x"}`,
		`[{}` + strings.Repeat(",{}", n) + `]`,
		`{"resumed":[""` + strings.Repeat(`,""`, n) + `]}`,
		`{"a":[[]` + strings.Repeat(",{}", n) + `]}`,
		strings.Repeat(`{"":`, n/40) + "0" + strings.Repeat("}", n/40),
	}
}

func TestLongRunFolderFilesTakeLittle(t *testing.T) {
	dir := t.TempDir()
	for _, text := range runFolderFiles(300_000) {
		checkRunFolder(t, dir, text)
	}
}

// FuzzRunFolder puts a text in the place of each of a job's files.
func FuzzRunFolder(f *testing.F) {
	for _, text := range runFolderFiles(80) {
		f.Add(text)
	}
	dir := f.TempDir()
	f.Fuzz(func(t *testing.T, text string) { checkRunFolder(t, dir, text) })
}

func checkRunFolder(t *testing.T, dir, text string) {
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
}
