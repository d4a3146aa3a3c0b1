package engine

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/gomlx/compute"

	"github.com/kafisto/kafisto/internal/alloctest"
)

func TestParse(t *testing.T) {
	for _, choice := range Choices() {
		for _, text := range []string{string(choice), " " + strings.ToUpper(string(choice)) + "\n"} {
			if got, err := Parse(text); err != nil || got != choice {
				t.Errorf("Parse(%q) = %q, %v", text, got, err)
			}
		}
	}
	for _, text := range []string{"", "xla", "cuda", "xla:cpu,tf32", "autogo"} {
		_, err := Parse(text)
		wantError(t, err, "auto", "go", "xla:cpu", "xla:cuda")
	}
}

func FuzzParse(f *testing.F) {
	f.Add("auto")
	f.Add("xla:\x00")
	f.Fuzz(func(t *testing.T, text string) {
		var choice Choice
		var err error
		alloctest.Within(t, 1<<20+16*len(text), func() { choice, err = Parse(text) })
		if err != nil {
			wantError(t, err)
			return
		}
		if again, err := Parse(string(choice)); err != nil || again != choice {
			t.Errorf("Parse(%q) = %q, which does not parse to itself", text, choice)
		}
	})
}

// TestOpenUnknown opens a choice that is none.
func TestOpenUnknown(t *testing.T) {
	_, err := Open(t.Context(), Options{})
	wantError(t, err, "xla:cpu")
}

// TestAutoOffline has no plugin and no network: the Go backend, and one line
// that says why.
func TestAutoOffline(t *testing.T) {
	s := fakeSite(t, refuse(t))
	slowNotice.Do(func() {}) // its line is TestSlowNotice's
	var lines []string
	options := recorder(Auto, &lines)
	options.Offline = true
	engine, err := s.open(t.Context(), options)
	if err != nil {
		t.Fatal(err)
	}
	defer engine.Close()
	if engine.Name != "go" {
		t.Errorf("opened %q, want go", engine.Name)
	}
	if len(lines) != 1 || !strings.Contains(lines[0], "using go") || !strings.Contains(lines[0], "kafisto engine install xla:cpu") {
		t.Errorf("messages: %q", lines)
	}
	s.wantFiles(t)
}

// TestAutoOrder opens what there is, the GPU first.
func TestAutoOrder(t *testing.T) {
	const both = "cuda cpu"
	cases := []struct {
		plugins string // that can be found
		broken  string // that do not load
		gpu     bool
		want    string
		lines   int
	}{
		{plugins: both, gpu: true, want: "xla:cuda"},
		{plugins: both, gpu: false, want: "xla:cpu"},
		{plugins: "cpu", gpu: true, want: "xla:cpu", lines: 1},
		{plugins: both, broken: "cuda", gpu: true, want: "xla:cpu", lines: 1},
		{plugins: both, broken: both, gpu: true, want: "go", lines: 1},
		{plugins: "", gpu: true, want: "go", lines: 1},
	}
	slowNotice.Do(func() {})
	library, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range cases {
		s := fakeSite(t, refuse(t))
		folder, load := t.TempDir(), s.load
		for _, word := range strings.Fields(c.plugins) {
			if err := os.Symlink(library, filepath.Join(folder, pluginFiles(Choice("xla:" + word))[0])); err != nil {
				t.Skip(err)
			}
		}
		s.search, s.hasNVIDIA = []string{folder}, func() bool { return c.gpu }
		s.load = func(path string) (compute.Backend, error) {
			for _, word := range strings.Fields(c.broken) {
				if path == filepath.Join(folder, pluginFiles(Choice("xla:" + word))[0]) {
					panic("cannot start")
				}
			}
			return load(path)
		}
		var lines []string
		options := recorder(Auto, &lines)
		options.Offline = true
		engine, err := s.open(t.Context(), options)
		if err != nil {
			t.Fatalf("%+v: %v", c, err)
		}
		engine.Close()
		if engine.Name != c.want || len(lines) != c.lines {
			t.Errorf("%+v: opened %q with messages %q", c, engine.Name, lines)
		}
	}
}

// TestWithoutKernels opens an engine to which no kernels can be added: it works
// without, and one line says why.
func TestWithoutKernels(t *testing.T) {
	s := fakeSite(t, serve(pack(t, "plugin_cpu.so", content)))
	s.kernels = func(compute.Backend) (compute.Backend, error) { return nil, errors.New("no foreign functions") }
	var lines []string
	engine, err := s.open(t.Context(), recorder(XLACPU, &lines))
	if err != nil {
		t.Fatal(err)
	}
	defer engine.Close()
	if engine.Backend == nil || engine.Kernels != NoKernels || len(lines) != 1 || !strings.Contains(lines[0], "without the fast kernels: no foreign functions") {
		t.Errorf("backend %v, messages %q", engine.Backend, lines)
	}
}

// TestKernelsOff leaves the kernels away because the user says so.
func TestKernelsOff(t *testing.T) {
	t.Setenv(KernelsVariable, "off")
	s := fakeSite(t, serve(pack(t, "plugin_cpu.so", content)))
	s.kernels = func(compute.Backend) (compute.Backend, error) {
		t.Error("kernels were added")
		return nil, errors.New("unwanted")
	}
	var lines []string
	engine, err := s.open(t.Context(), recorder(XLACPU, &lines))
	if err != nil {
		t.Fatal(err)
	}
	defer engine.Close()
	if engine.Kernels != NoKernels || len(lines) != 1 || !strings.Contains(lines[0], KernelsVariable) {
		t.Errorf("messages %q", lines)
	}
	if b := Built(); b.Kernels != "" || b.NoKernels == "" {
		t.Errorf("%+v", b)
	}
}

// TestExplicit asks for what cannot be had: an error that says what to do.
func TestExplicit(t *testing.T) {
	s := fakeSite(t, refuse(t))
	for _, choice := range []Choice{XLACPU, XLACUDA} {
		_, err := s.open(t.Context(), Options{Choice: choice, Offline: true})
		wantError(t, err, "kafisto engine install "+string(choice), searchVariable)
	}
	_, err := s.open(t.Context(), Options{Choice: XLACUDA}) // is not fetched by Open
	wantError(t, err, "kafisto engine install xla:cuda")
	s.load = nil
	_, err = s.open(t.Context(), Options{Choice: XLACPU})
	wantError(t, err, "choose go")
}

// TestBackendPanics and errors come out as errors.
func TestBackendPanics(t *testing.T) {
	for _, load := range []func(string) (compute.Backend, error){
		func(string) (compute.Backend, error) { panic(errors.New("no device")) },
		func(string) (compute.Backend, error) { return nil, errors.New("no device") },
	} {
		s := fakeSite(t, serve(pack(t, "plugin_cpu.so", content)))
		s.load = load
		_, err := s.open(t.Context(), Options{Choice: XLACPU})
		wantError(t, err, "no device", s.ownPlugin())
	}
}

// TestSlowNotice: a program without vector instructions says so, once.
func TestSlowNotice(t *testing.T) {
	slowNotice = new(sync.Once)
	var lines []string
	for range 2 {
		engine, err := Open(t.Context(), recorder(Go, &lines))
		if err != nil {
			t.Fatal(err)
		}
		engine.Close()
	}
	want := 1
	if builtWithSIMD {
		want = 0
	}
	if len(lines) != want {
		t.Errorf("messages: %q, want %d", lines, want)
	}
}
