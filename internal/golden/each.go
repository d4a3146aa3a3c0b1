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
// separated like the entries of PATH; a relative one is relative to the
// module's root. Go's test cache does not notice edited files there: run with
// -count=1.
const EnvDir = "KAFISTO_GOLDEN_DIR"

//go:embed testdata/*.json
var own embed.FS

// Own runs one subtest for each of the project's own trajectories that accept
// takes, named after its file.
func Own(t *testing.T, accept func(tr *Trajectory) bool, run func(t *testing.T, tr *Trajectory)) {
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
}

// Named returns one of the project's own trajectories.
func Named(t *testing.T, name string) *Trajectory {
	t.Helper()
	data, err := own.ReadFile("testdata/" + name + ".json")
	if err != nil {
		t.Fatal(err)
	}
	tr, err := Parse(name, data)
	if err != nil {
		t.Fatal(err)
	}
	return tr
}

// Each is Own, and then the same for the files in the folders of EnvDir, as
// subtests of one called "extra". It fails where a folder is missing or empty
// and where a file cannot be read, so that no file is passed over in silence.
func Each(t *testing.T, accept func(tr *Trajectory) bool, run func(t *testing.T, tr *Trajectory)) {
	t.Helper()
	Own(t, accept, run)
	if folders, set := os.LookupEnv(EnvDir); set {
		t.Run("extra", func(t *testing.T) { extra(t, folders, accept, run) })
	}
}

func extra(t *testing.T, folders string, accept func(tr *Trajectory) bool, run func(t *testing.T, tr *Trajectory)) {
	root := moduleRoot(t)
	paths := filepath.SplitList(folders)
	if len(paths) == 0 {
		t.Fatalf("%s is set but names no folder", EnvDir)
	}
	for _, folder := range paths {
		if !filepath.IsAbs(folder) {
			folder = filepath.Join(root, folder)
		}
		files, err := trajectoryFiles(folder)
		if err != nil {
			t.Errorf("%s: %v", EnvDir, err)
			continue
		}
		if len(files) == 0 {
			t.Errorf("%s: there is no .json file in %s", EnvDir, folder)
			continue
		}
		t.Chdir(folder) // lets Go's test cache see that the folder is used
		for _, path := range files {
			tr, err := Load(path)
			runOne(t, strings.TrimSuffix(filepath.Base(path), ".json"), tr, err, accept, run)
		}
	}
}

// moduleRoot is the folder of go.mod: what relative folders are relative to, as
// the tests of each package run in the package's own folder.
func moduleRoot(t *testing.T) string {
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			t.Fatal("there is no go.mod above the test's folder")
		}
		dir = parent
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

// Norms returns the Euclidean norm of each tensor.
func Norms(tensors [][]float64) []float64 {
	norms := make([]float64, len(tensors))
	for i, values := range tensors {
		for _, v := range values {
			norms[i] += v * v
		}
		norms[i] = math.Sqrt(norms[i])
	}
	return norms
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
