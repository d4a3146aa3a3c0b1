package search

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/kafisto/kafisto/internal/alloctest"
	"github.com/kafisto/kafisto/internal/job"
)

// plan is a search over some settings of SGD, with changes.
func plan(change func(*Plan), over ...string) Plan {
	base := job.Defaults()
	base.Optimizer, base.Steps, base.BatchSize, base.Engine = "sgd", 3, 16, "go"
	p := Plan{Base: base, Over: over, Seeds: []int64{1}, Seed: 1}
	if change != nil {
		change(&p)
	}
	return p
}

func trials(n int) func(*Plan) { return func(p *Plan) { p.Trials = n } }

func newSearch(t testing.TB, p Plan) *Search {
	t.Helper()
	s, err := New(p)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// texts are the trials' values.
func texts(s *Search) (all []string) {
	for _, t := range s.Tried {
		all = append(all, s.Text(t))
	}
	return all
}

func TestGridOrder(t *testing.T) {
	s := newSearch(t, plan(func(p *Plan) { p.Seeds = []int64{3, 1} }, "learning-rate=1,0.1", "momentum=0,0.5"))
	want := []string{"learning-rate=1, momentum=0", "learning-rate=1, momentum=0.5", "learning-rate=0.1, momentum=0", "learning-rate=0.1, momentum=0.5"}
	if got := texts(s); !slices.Equal(got, want) {
		t.Errorf("trials %q", got)
	}
	runs := s.Runs()
	if len(runs) != 8 || runs[0].Settings.Seed != 3 || runs[4].Settings.Seed != 1 {
		t.Errorf("%d runs: %+v", len(runs), runs)
	}
	folders := map[string]bool{}
	for i, r := range runs {
		folders[r.Folder] = true
		if s := r.Settings; r.Group != want[i%4] || *s.LearningRate != []float64{1, 0.1}[i%4/2] || s.Momentum != []float64{0, 0.5}[i%2] || s.BatchSize != 16 {
			t.Errorf("run %d is %+v", i, r)
		}
	}
	if len(folders) != 8 {
		t.Errorf("folders %v", folders)
	}
}

// TestTrialsCanBeRaised: the trials of a longer search begin with those of a shorter
// one, whatever the order in which the settings are named.
func TestTrialsCanBeRaised(t *testing.T) {
	few := newSearch(t, plan(trials(4), "learning-rate=log:0.01..1", "momentum=0..0.9"))
	many := newSearch(t, plan(trials(9), "momentum=0..0.9", "learning-rate=log:0.01..1"))
	if len(few.Tried) != 4 || len(many.Tried) != 9 {
		t.Fatalf("%d and %d trials", len(few.Tried), len(many.Tried))
	}
	for i, r := range few.Runs() {
		if other := many.Runs()[i]; r.Folder != other.Folder || r.Settings.Hash() != other.Settings.Hash() {
			t.Errorf("trial %d is in %s, then in %s", i+1, r.Folder, other.Folder)
		}
	}
	other := newSearch(t, plan(func(p *Plan) { p.Trials, p.Seed = 4, 2 }, "learning-rate=log:0.01..1", "momentum=0..0.9"))
	if slices.Equal(texts(few), texts(other)) {
		t.Error("another search seed draws the same")
	}
}

func TestDrawnTwiceIsTriedOnce(t *testing.T) {
	s := newSearch(t, plan(trials(20), "momentum=0,0.5", "augment=true,false"))
	if len(s.Tried) != 4 || s.Tried[0].Number != 1 || s.Tried[3].Number > 20 {
		t.Errorf("trials %+v", s.Tried)
	}
}

func TestNewRefuses(t *testing.T) {
	long := "learning-rate="
	for i := range 101 {
		long += number(float64(i)+0.5) + ","
	}
	long = strings.TrimSuffix(long, ",")
	for want, p := range map[string]Plan{
		"nothing to search":        plan(nil),
		"given twice":              plan(nil, "momentum=0", "momentum=1"),
		"--trials":                 plan(nil, "momentum=0..1"),
		"10000 combinations":       plan(nil, long, strings.Replace(long, "learning-rate", "weight-decay", 1)),
		"momentum=0, batch-size=0": plan(nil, "momentum=0", "batch-size=1,0"),
		"batch-size=0: settings":   plan(trials(1), "batch-size=0..1000"),
		"there are -1 trials":      plan(trials(-1), "momentum=0..1"),
		"no seeds":                 plan(func(p *Plan) { p.Seeds = nil }, "momentum=0"),
		"seed -2":                  plan(func(p *Plan) { p.Seeds = []int64{-2} }, "momentum=0"),
	} {
		if s, err := New(p); err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%v: %v, %v; want one sentence with %q", p.Over, s, err, want)
		}
	}
}

// TestFolderGrows: a search goes on in its folder as it is or grown, and no other
// one does; what is refused changes nothing.
func TestFolderGrows(t *testing.T) {
	list, random := []string{"learning-rate=0.1,1", "momentum=0,0.5"}, []string{"learning-rate=log:0.1..1", "augment=true,false"}
	base := func(change func(*job.Settings)) func(*Plan) { return func(p *Plan) { change(&p.Base) } }
	draw := func(change func(*Plan)) func(*Plan) {
		return func(p *Plan) {
			p.Trials = 5
			change(p)
		}
	}
	cosine := func(s *job.Settings) { s.Schedule, s.Steps = "cosine", 4 }
	for _, c := range []struct {
		name        string
		first, then Plan
		want        string // "" if it goes on
	}{
		{"same", plan(nil, list...), plan(nil, list[1], list[0]), ""},
		{"more values", plan(nil, list...), plan(nil, "learning-rate=0.01,1,0.1", list[1]), ""},
		{"more steps", plan(nil, list...), plan(base(func(s *job.Settings) { s.Steps = 5 }), list...), ""},
		{"more seeds", plan(nil, list...), plan(func(p *Plan) { p.Seeds = []int64{2, 1} }, list...), ""},
		{"more trials", plan(trials(5), random...), plan(trials(6), random...), ""},
		{"another engine", plan(nil, list...), plan(base(func(s *job.Settings) { s.Engine, s.DataDir, s.Seed = "auto", "x", 9 }), list...), ""},
		{"what is searched over", plan(nil, list...), plan(base(func(s *job.Settings) { s.Momentum = 0.3 }), list...), ""},
		{"fewer values", plan(nil, list...), plan(nil, "learning-rate=0.1", list[1]), "learning-rate=0.1,1, now 0.1"},
		{"fewer steps", plan(nil, list...), plan(base(func(s *job.Settings) { s.Steps = 2 }), list...), "of 3 steps a run, now 2"},
		{"other seeds", plan(nil, list...), plan(func(p *Plan) { p.Seeds = []int64{2} }, list...), "seeds [1], now [2]"},
		{"fewer trials", plan(trials(5), random...), plan(trials(4), random...), "of 5 trials, now 4"},
		{"other draws", plan(trials(5), random...), plan(draw(func(p *Plan) { p.Seed = 2 }), random...), "search seed 1, now 2"},
		{"other settings", plan(nil, list...), plan(base(func(s *job.Settings) { s.WeightDecay = 0 }), list...), "weight-decay was 0.0005, now 0"},
		{"other held-out images", plan(nil, list...), plan(base(func(s *job.Settings) { s.EvalExamples = 50 }), list...), "eval-examples was 0, now 50"},
		{"longer schedule", plan(base(cosine), list...), plan(base(func(s *job.Settings) { cosine(s); s.Steps = 5 }), list...), "schedule depends"},
		{"other axes", plan(nil, list...), plan(nil, list[0]), "over [learning-rate momentum], now [learning-rate]"},
		{"other range", plan(trials(5), random...), plan(trials(5), "learning-rate=log:0.1..2", random[1]), "log:0.1..1, now log:0.1..2"},
		{"no logarithm", plan(trials(5), random...), plan(trials(5), "learning-rate=0.1..1", random[1]), "log:0.1..1, now 0.1..1"},
		{"longer list to draw from", plan(trials(5), "momentum=0,0.5"), plan(trials(5), "momentum=0,0.5,0.9"), "momentum=0,0.5, now"},
		{"grid to random", plan(nil, list...), plan(trials(5), list...), "a grid"},
		{"random to grid", plan(trials(5), list...), plan(nil, list...), "a random one"},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "new")
			first, then := newSearch(t, c.first), newSearch(t, c.then)
			if err := first.Open(dir); err != nil {
				t.Fatal(err)
			}
			before := read(t, filepath.Join(dir, MarkFile))
			err := then.Open(dir)
			if c.want == "" {
				if err != nil {
					t.Error(err)
				}
				return
			}
			if err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), dir) || strings.Contains(err.Error(), "\n") {
				t.Errorf("%v, want one sentence with %q", err, c.want)
			}
			if read(t, filepath.Join(dir, MarkFile)) != before {
				t.Error("the mark was changed")
			}
		})
	}
}

// TestGrownFolderStaysGrown: once a search has grown, the old one is another.
func TestGrownFolderStaysGrown(t *testing.T) {
	dir := t.TempDir()
	few, many := newSearch(t, plan(trials(2), "momentum=0..0.9")), newSearch(t, plan(trials(3), "momentum=0..0.9"))
	for _, s := range []*Search{few, many, many} {
		if err := s.Open(dir); err != nil {
			t.Fatal(err)
		}
	}
	if err := few.Open(dir); !errors.Is(err, ErrGrown) || !strings.Contains(err.Error(), "of 3 trials, now 2") {
		t.Errorf("the old search: %v", err)
	}
	other := newSearch(t, plan(trials(2), "momentum=0..0.8"))
	if err := other.Open(dir); err == nil || errors.Is(err, ErrGrown) {
		t.Errorf("another search: %v", err)
	}
}

func TestFolderRefuses(t *testing.T) {
	s := newSearch(t, plan(nil, "momentum=0,0.5"))
	for name, c := range map[string]struct{ file, text, want string }{
		"version":        {MarkFile, `{"format":2}`, "format 2"},
		"cut":            {MarkFile, `{"format":1,`, "does not say what"},
		"setting":        {MarkFile, `{"format":1,"base":{"colour":1},"space":[{"name":"momentum","values":["0"]}],"seeds":[1]}`, "does not say what"},
		"lines":          {MarkFile, strings.Replace(marked(t, s), `"momentum"`, `"a\nb"`, 1), "over [a b], now [momentum]"},
		"batch":          {MarkFile, strings.Replace(marked(t, s), `"batch-size":16`, `"batch-size":0`, 1), "another search"},
		"something else": {"settings.json", `{}`, "not a results folder"},
	} {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, c.file), []byte(c.text), 0o644); err != nil {
			t.Fatal(err)
		}
		if err := s.Open(dir); err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: %v, want one sentence with %q", name, err, c.want)
		}
		if entries, err := os.ReadDir(dir); err != nil || len(entries) != 1 || read(t, filepath.Join(dir, c.file)) != c.text {
			t.Errorf("%s: files were changed: %v, %v", name, entries, err)
		}
	}
}

// marked is the text of the search's mark.
func marked(t testing.TB, s *Search) string {
	t.Helper()
	dir := t.TempDir()
	if err := s.Open(dir); err != nil {
		t.Fatal(err)
	}
	return read(t, filepath.Join(dir, MarkFile))
}

func read(t testing.TB, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// marks are texts of a mark, with lists that grow with n: what takes the most memory
// of a file.
func marks(whole string, n int) []string {
	return []string{
		whole,
		strings.Replace(whole, `"0.5"`, `"0.5","0.7"`, 1),
		`{"format":1,"base":{"batch-size":0}}`,
		strings.Replace(whole, `"seeds":[1]`, `"seeds":[1`+strings.Repeat(",1", n)+`]`, 1),
		`{"format":1,"space":[{}` + strings.Repeat(",{}", n) + `]}`,
		`{"format":1,"base":{"model":"` + strings.Repeat("<", n) + `"}}`,
	}
}

func TestLongMarksTakeLittle(t *testing.T) {
	s := newSearch(t, plan(nil, "momentum=0,0.5", "learning-rate=0.1,1"))
	dir := t.TempDir()
	for _, text := range marks(marked(t, s), 300_000) {
		checkMark(t, s, dir, text)
	}
}

// FuzzMark: a folder's mark is this search's, one that has grown, or refused in a
// sentence.
func FuzzMark(f *testing.F) {
	s := newSearch(f, plan(nil, "momentum=0,0.5", "learning-rate=0.1,1"))
	for _, text := range marks(marked(f, s), 20) {
		f.Add(text)
	}
	dir := f.TempDir()
	f.Fuzz(func(t *testing.T, text string) { checkMark(t, s, dir, text) })
}

func checkMark(t *testing.T, s *Search, dir, text string) {
	if err := os.WriteFile(filepath.Join(dir, MarkFile), []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	var err error
	alloctest.Within(t, 1<<20+256*len(text), func() { err = s.CheckFolder(dir) })
	if err != nil && (!strings.Contains(err.Error(), dir) || strings.Contains(err.Error(), "\n")) {
		t.Errorf("no sentence about the folder: %q", err)
	}
	if err == nil && !strings.Contains(text, "momentum") && !strings.Contains(text, `\u`) {
		t.Errorf("%q was taken", text)
	}
}
