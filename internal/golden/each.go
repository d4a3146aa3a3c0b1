package golden

import (
	"embed"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// EnvDir names the environment variable with further folders of trajectories,
// separated like the entries of PATH.
const EnvDir = "KAFISTO_GOLDEN_DIR"

//go:embed testdata/*.json
var own embed.FS

// Each runs one subtest for every trajectory that accept takes, named after
// its file. Files from the folders of EnvDir run as subtests of one called
// "extra"; it fails where a folder is missing or empty and where a file cannot
// be read, so that no file is passed over in silence.
func Each(t *testing.T, accept func(tr *Trajectory) bool, run func(t *testing.T, tr *Trajectory)) {
	t.Helper()
	entries, err := own.ReadDir("testdata")
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range entries {
		name := strings.TrimSuffix(entry.Name(), ".json")
		data, err := own.ReadFile("testdata/" + entry.Name())
		if err != nil {
			t.Fatal(err)
		}
		tr, err := Parse(name, data)
		runOne(t, name, tr, err, accept, run)
	}
	if folders, set := os.LookupEnv(EnvDir); set {
		t.Run("extra", func(t *testing.T) { extra(t, folders, accept, run) })
	}
}

func extra(t *testing.T, folders string, accept func(tr *Trajectory) bool, run func(t *testing.T, tr *Trajectory)) {
	paths := filepath.SplitList(folders)
	if len(paths) == 0 {
		t.Fatalf("%s is set but names no folder", EnvDir)
	}
	for _, folder := range paths {
		if !filepath.IsAbs(folder) {
			t.Errorf("%s: %q is not an absolute path", EnvDir, folder)
			continue
		}
		files, err := trajectoryFiles(folder)
		if err != nil {
			t.Errorf("%s: %v", EnvDir, err)
			continue
		}
		if len(files) == 0 {
			t.Errorf("%s: there is no .json file in %s", EnvDir, folder)
		}
		for _, path := range files {
			tr, err := Load(path)
			runOne(t, strings.TrimSuffix(filepath.Base(path), ".json"), tr, err, accept, run)
		}
	}
}

func trajectoryFiles(folder string) ([]string, error) {
	entries, err := os.ReadDir(folder)
	if err != nil {
		return nil, err
	}
	var files []string
	for _, entry := range entries {
		if !entry.IsDir() && filepath.Ext(entry.Name()) == ".json" {
			files = append(files, filepath.Join(folder, entry.Name()))
		}
	}
	return files, nil
}

func runOne(t *testing.T, name string, tr *Trajectory, err error, accept func(tr *Trajectory) bool, run func(t *testing.T, tr *Trajectory)) {
	if err != nil {
		t.Run(name, func(t *testing.T) { t.Fatal(err) })
		return
	}
	if accept(tr) {
		t.Run(name, func(t *testing.T) { run(t, tr) })
	}
}

// RelativeError is |got-want| / max(|want|, 1e-3), the measure in which
// trajectories are compared; infinite where either is not finite.
func RelativeError(got, want float64) float64 {
	if math.IsNaN(got-want) || math.IsInf(got-want, 0) {
		return math.Inf(1)
	}
	return math.Abs(got-want) / max(math.Abs(want), 1e-3)
}

// Check fails the test where got and want differ by more than tolerance in
// RelativeError, or in length; what says which value it is.
func Check(t testing.TB, step int, what string, got, want []float64, tolerance float64) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("step %d: %s has %d values, want %d", step, what, len(got), len(want))
	}
	for i := range want {
		if e := RelativeError(got[i], want[i]); e > tolerance {
			t.Fatalf("step %d: %s[%d] = %.17g, want %.17g: relative error %.3g is above %g", step, what, i, got[i], want[i], e, tolerance)
		}
	}
}
