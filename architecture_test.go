package kafisto_test

import (
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const module = "github.com/kafisto/kafisto"

// arrows lists, for every package of the module, which others of the module it
// may import (tests apart); docs/architecture.md has the same in its table. They
// all point one way, from the command down to the filter.
var arrows = map[string][]string{
	"cmd/kafisto":                     {"internal/cli"},
	"internal/bench":                  {".", "internal/data", "internal/engine", "internal/gradient", "internal/job", "internal/task", "internal/train", "models", "native", "nn"},
	"internal/cli":                    {"internal/bench", "internal/experiment", "internal/grid", "internal/report/paper", "internal/job", "internal/report", "internal/search", "internal/engine", "internal/data", "internal/imagegrid", "internal/train", "internal/runlog", "internal/atomicfile", "native/keepmemory"},
	"internal/experiment":             {"internal/data", "internal/grid", "internal/job", "internal/report", "internal/report/paper", "internal/runlog", "internal/train"},
	"internal/grid":                   {"internal/atomicfile", "internal/data", "internal/engine", "internal/inputfile", "internal/job", "internal/train"},
	"internal/search":                 {"internal/atomicfile", "internal/grid", "internal/job", "internal/report", "internal/runlog", "internal/train"},
	"internal/job":                    {".", "internal/checkpoint", "internal/task", "internal/train", "internal/runlog", "internal/engine", "internal/data", "internal/imagegrid", "internal/atomicfile", "internal/fid", "internal/fid/classifier", "internal/fid/inception", "internal/inputfile", "internal/lockfile", "internal/weights", "models", "nn", "optim", "schedule"},
	"internal/report":                 {"internal/imagegrid", "internal/inputfile", "internal/runlog", "internal/atomicfile"},
	"internal/report/paper":           {"internal/atomicfile", "internal/report"},
	"internal/task":                   {".", "internal/data", "internal/fid", "internal/runlog", "internal/train", "models", "nn"},
	"internal/train":                  {".", "optim", "internal/checkpoint", "internal/runlog"},
	"internal/checkpoint":             {"internal/checkpoint/safetensors", "internal/atomicfile"},
	"internal/checkpoint/safetensors": {},
	"internal/runlog":                 {"internal/atomicfile"},
	"internal/data":                   {"internal/atomicfile", "internal/download", "internal/inputfile"},
	"internal/data/makesample":        {"internal/data"},
	"internal/download":               {"internal/atomicfile"},
	"internal/engine":                 {"internal/atomicfile", "internal/decorator", "internal/download", "internal/inputfile", "native"},
	"internal/engine/enginetest":      {"internal/engine"},
	"internal/fid":                    {"internal/atomicfile", "internal/checkpoint/safetensors", "internal/data", "internal/inputfile"},
	"internal/fid/classifier":         {".", "internal/data", "internal/fid", "models"},
	"internal/fid/inception":          {"internal/fid", "internal/weights", "nn"},
	"internal/golden":                 {},
	"internal/gradient":               {},
	"internal/graphtest":              {},
	"internal/golden/goldengraph":     {"internal/golden"},
	"internal/conformance":            {"internal/engine/enginetest", "internal/golden", "internal/golden/goldengraph", "schedule"},
	"internal/atomicfile":             {},
	"internal/conv":                   {"internal/gradient", "native"},
	"internal/conv/measure":           {"internal/conv", "internal/engine", "native/keepmemory"},
	"internal/decorator":              {},
	"internal/alloctest":              {},
	"internal/disktest":               {},
	"internal/inputfile":              {},
	"internal/imagegrid":              {"internal/atomicfile", "internal/data"},
	"internal/lockfile":               {},
	"internal/trust":                  {},
	"internal/weights":                {"internal/checkpoint/safetensors", "internal/inputfile"},
	"models":                          {"nn"},
	"native":                          {"internal/decorator"},
	"native/keepmemory":               {},
	"nn":                              {"internal/conv", "internal/gradient", "native"},
	"optim":                           {"schedule"},
	".":                               {"native", "schedule"},
	"schedule":                        {},
	"filter":                          {},
}

func TestImportsPointOneWay(t *testing.T) {
	seen := map[string]bool{}
	used := map[[2]string]bool{}
	err := filepath.WalkDir(".", func(file string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() {
			if name := entry.Name(); file != "." && (strings.HasPrefix(name, ".") || name == "testdata" || name == "runs" || name == "bin") {
				return filepath.SkipDir
			}
			return nil
		}
		if !strings.HasSuffix(file, ".go") || strings.HasSuffix(file, "_test.go") {
			return nil
		}
		pkg := path.Clean(filepath.ToSlash(filepath.Dir(file)))
		seen[pkg] = true
		allowed, known := arrows[pkg]
		if !known {
			t.Errorf("package %s is not in the list of packages: add it, and to docs/architecture.md", pkg)
			return nil
		}
		parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ImportsOnly)
		if err != nil {
			return err
		}
		for _, spec := range parsed.Imports {
			imported, err := strconv.Unquote(spec.Path.Value)
			if err != nil {
				return err
			}
			if pkg == "filter" && strings.Contains(imported, ".") {
				t.Errorf("%s imports %s: package filter uses the standard library only", file, imported)
			}
			if inside, ok := strings.CutPrefix(imported, module); ok {
				if inside = strings.TrimPrefix(inside, "/"); inside == "" {
					inside = "."
				}
				used[[2]string{pkg, inside}] = true
				if !slices.Contains(allowed, inside) {
					t.Errorf("%s imports %s, which package %s may not", file, inside, pkg)
				}
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for pkg := range arrows {
		if !seen[pkg] {
			t.Errorf("package %s is in the list but has no files", pkg)
		}
		for _, imported := range arrows[pkg] {
			if !used[[2]string{pkg, imported}] {
				t.Errorf("package %s may import %s but does not: take the arrow away", pkg, imported)
			}
		}
	}
}

// TestArchitectureTable holds docs/architecture.md against the arrows.
func TestArchitectureTable(t *testing.T) {
	text, err := os.ReadFile("docs/architecture.md")
	if err != nil {
		t.Fatal(err)
	}
	inTable := map[string]bool{}
	for line := range strings.Lines(string(text)) {
		cells := strings.Split(line, "|")
		if len(cells) != 5 || !strings.HasPrefix(cells[1], " `") {
			continue
		}
		pkg := packages(cells[1])[0]
		inTable[pkg] = true
		want := slices.Sorted(slices.Values(arrows[pkg]))
		if got := slices.Sorted(slices.Values(packages(cells[3]))); !slices.Equal(got, want) {
			t.Errorf("docs/architecture.md: package %s imports %v, not %v", pkg, want, got)
		}
	}
	for pkg := range arrows {
		if !inTable[pkg] {
			t.Errorf("docs/architecture.md: package %s is not in the table", pkg)
		}
	}
	if len(inTable) != len(arrows) {
		t.Errorf("docs/architecture.md: %d packages in the table, %d in the list", len(inTable), len(arrows))
	}
}

// packages reads a cell of the table; the module's root goes by its name there.
func packages(cell string) []string {
	words := strings.Fields(strings.ReplaceAll(cell, "`", ""))
	for i, word := range words {
		if word == "kafisto" {
			words[i] = "."
		}
	}
	return words
}
