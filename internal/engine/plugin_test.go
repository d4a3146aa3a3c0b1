package engine

import (
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/kafisto/kafisto/internal/alloctest"
)

// installed returns a site with its plugin installed.
func installed(t testing.TB) *site {
	t.Helper()
	s := fakeSite(t, serve(pack(t, "plugin_cpu.so", content)))
	if _, err := s.fetch(t.Context(), Options{}); err != nil {
		t.Fatal(err)
	}
	return s
}

// TestVerify damages an installed plugin: one of another size, and one of
// another content and time, are not used; a copied one is.
func TestVerify(t *testing.T) {
	damaged := append([]byte("A"), content[1:]...)
	cases := []struct {
		name    string
		content []byte
		mark    string // "" leaves it
		fine    bool
	}{
		{name: "cut short", content: content[:len(content)-1]},
		{name: "empty", content: nil},
		{name: "damaged", content: damaged},
		{name: "damaged without mark", content: damaged, mark: "{"},
		{name: "copied", content: content, fine: true},
		{name: "copied without mark", content: content, mark: "[]", fine: true},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			s := installed(t)
			if err := os.WriteFile(s.ownPlugin(), c.content, 0o644); err != nil {
				t.Fatal(err)
			}
			if c.mark != "" {
				if err := os.WriteFile(markPath(s.ownPlugin()), []byte(c.mark), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			path, err := s.find(t.Context(), XLACPU)
			if c.fine {
				if err != nil || path != s.ownPlugin() {
					t.Errorf("found %q, %v", path, err)
				}
				want := s.wheel.markOf(stat(t, path))
				if got, err := readMark(path); err != nil || got != want {
					t.Errorf("marked as %+v (%v), want %+v", got, err, want)
				}
				return
			}
			wantError(t, err, "damaged", "kafisto engine install xla:cpu")
			if !isMissing(err) {
				t.Error("a damaged plugin of our own is not fetched again")
			}
			if path, err := s.fetch(t.Context(), Options{}); err != nil || s.wheel.verify(t.Context(), path) != nil {
				t.Errorf("it was not replaced: %v", err)
			}
		})
	}
}

func stat(t testing.TB, path string) os.FileInfo {
	t.Helper()
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	return info
}

// FuzzMark: no mark makes a damaged plugin pass, and none panics, unless it
// is the very mark of that file.
func FuzzMark(f *testing.F) {
	f.Add([]byte("{"))
	f.Add([]byte(`{"sha256":"00","size":-1,"modified":"2026"}`))
	s := installed(f)
	plugin := s.ownPlugin()
	damaged := append([]byte("A"), content[1:]...)
	if err := os.WriteFile(plugin, damaged, 0o644); err != nil {
		f.Fatal(err)
	}
	own := s.wheel.markOf(stat(f, plugin))
	f.Fuzz(func(t *testing.T, text []byte) {
		if err := os.WriteFile(markPath(plugin), text, 0o644); err != nil {
			t.Fatal(err)
		}
		var got mark
		var err error
		alloctest.Within(t, 1<<20+16*len(text), func() { got, err = readMark(plugin) })
		if err == nil && got == own {
			t.Skip("guessed the mark")
		}
		if s.wheel.verify(t.Context(), plugin) == nil {
			t.Errorf("a damaged plugin passes with the mark %q", text)
		}
	})
}

// testProgram is the path of this test's own executable: a whole ELF file on
// Linux, and no plugin.
func testProgram(t testing.TB) string {
	t.Helper()
	path, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	if runtime.GOOS != "linux" {
		t.Skip("only Linux's format is checked")
	}
	return path
}

// TestCheckLibrary refuses what would bring the system's loader down.
func TestCheckLibrary(t *testing.T) {
	program := testProgram(t)
	if err := checkLibrary(program); err != nil {
		t.Errorf("a whole file: %v", err)
	}
	whole, err := os.ReadFile(program)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "plugin.so")
	for _, part := range [][]byte{nil, []byte("<html>"), whole[:3], whole[:60], whole[:len(whole)/2]} {
		if err := os.WriteFile(path, part, 0o644); err != nil {
			t.Fatal(err)
		}
		wantError(t, checkLibrary(path), path, "replace it")
	}
}

// FuzzCheckLibrary: no content panics, and a file that passes has every
// segment in it.
func FuzzCheckLibrary(f *testing.F) {
	whole, err := os.ReadFile(testProgram(f))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(whole[:4096])
	f.Add([]byte("\x7fELF"))
	path := filepath.Join(f.TempDir(), "plugin.so")
	f.Fuzz(func(t *testing.T, data []byte) {
		if err := os.WriteFile(path, data, 0o644); err != nil {
			t.Fatal(err)
		}
		var err error
		alloctest.Within(t, 24<<20+64*len(data), func() { err = checkLibrary(path) })
		if err != nil {
			wantError(t, err)
		}
	})
}

// TestSearchOrder: the user's folders, then our own, then go-xla's.
func TestSearchOrder(t *testing.T) {
	program := testProgram(t)
	s := installed(t)
	elsewhere := filepath.Join(t.TempDir(), "elsewhere.so")
	if err := os.Symlink(program, elsewhere); err != nil {
		t.Skip(err)
	}
	s.defaults = func() map[string]string { return map[string]string{"cpu": elsewhere, "cuda": elsewhere} }
	s.search = []string{filepath.Join(t.TempDir(), "none"), t.TempDir()}
	want := func(choice Choice, path string) {
		t.Helper()
		if got, err := s.find(t.Context(), choice); err != nil || got != path {
			t.Errorf("%s found at %q (%v), want %q", choice, got, err, path)
		}
	}
	want(XLACPU, s.ownPlugin())
	want(XLACUDA, elsewhere)

	users := filepath.Join(s.search[1], "xla_cuda_plugin.so")
	if err := os.Symlink(program, users); err != nil {
		t.Fatal(err)
	}
	want(XLACUDA, users)
	users = filepath.Join(s.search[1], "pjrt_c_api_cpu_plugin.so")
	if err := os.WriteFile(users, []byte("no library"), 0o644); err != nil {
		t.Fatal(err)
	}
	_, err := s.find(t.Context(), XLACPU) // no silent way around what the user named
	wantError(t, err, users)
	if err := os.Remove(users); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(s.ownPlugin()); err != nil {
		t.Fatal(err)
	}
	want(XLACPU, elsewhere)
}

// TestNewSite takes the folders from the environment.
func TestNewSite(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("the cache folder's variable is Linux's")
	}
	cache := t.TempDir()
	t.Setenv("XDG_CACHE_HOME", cache)
	t.Setenv(searchVariable, ":/a::b")
	t.Chdir("/")
	s := newSite()
	if s.folder != filepath.Join(cache, "kafisto", "pjrt") || strings.Join(s.search, " ") != "/a /b" {
		t.Errorf("folder %q, search %q", s.folder, s.search)
	}
}

// TestStatus tells about every engine without the network.
func TestStatus(t *testing.T) {
	s := fakeSite(t, refuse(t))
	infos := s.status(t.Context())
	if len(infos) != 3 || infos[0].Choice != XLACUDA || infos[1].Choice != XLACPU || infos[2].Choice != Go {
		t.Fatalf("status: %+v", infos)
	}
	for _, info := range infos[:2] {
		if info.Available || !strings.Contains(info.Reason, "kafisto engine install "+string(info.Choice)) {
			t.Errorf("without a plugin: %+v", info)
		}
	}
	if !infos[2].Available || infos[2].Reason != "" {
		t.Errorf("go: %+v", infos[2])
	}

	s = installed(t)
	if got, want := s.info(t.Context(), XLACPU), (Info{Choice: XLACPU, Available: true, Path: s.ownPlugin(), Version: "1.2.3"}); got != want {
		t.Errorf("installed: %+v, want %+v", got, want)
	}
	versioned := filepath.Join(t.TempDir(), "pjrt_c_api_cuda_v0.114.0_plugin.so")
	if err := os.Symlink(testProgram(t), versioned); err != nil {
		t.Skip(err)
	}
	s.defaults = func() map[string]string { return map[string]string{"cuda": versioned} }
	if got := s.info(t.Context(), XLACUDA); got.Available || got.Path != versioned || !strings.Contains(got.Reason, "GPU") {
		t.Errorf("without a GPU: %+v", got)
	}
	s.load = nil
	if got := s.info(t.Context(), XLACPU); got.Available || !strings.Contains(got.Reason, "choose go") {
		t.Errorf("without XLA: %+v", got)
	}
	if got := Built(); got.XLA != (loadXLA != nil) || got.SIMD != builtWithSIMD {
		t.Errorf("built: %+v", got)
	}
}

// TestVersionInName reads the version that go-xla's installer leaves.
func TestVersionInName(t *testing.T) {
	s := fakeSite(t, refuse(t))
	for name, want := range map[string]string{
		"pjrt_c_api_cpu_v0.114.0_plugin.so": "0.114.0",
		"pjrt_c_api_cpu_plugin.so":          "",
		"xla_cuda_plugin.so":                "",
	} {
		if got := s.version(filepath.Join(t.TempDir(), name)); got != want {
			t.Errorf("version of %s is %q, want %q", name, got, want)
		}
	}
}

// TestInstall installs once, and refuses what it cannot do.
func TestInstall(t *testing.T) {
	s := fakeSite(t, serve(pack(t, "plugin_cpu.so", content)))
	var lines []string
	options := recorder("", &lines)
	wantError(t, s.install(t.Context(), Go, options), "xla:cpu")
	wantError(t, s.install(t.Context(), Auto, options), "xla:cpu")
	wantError(t, s.install(t.Context(), XLACUDA, options), "NVIDIA")
	offline := options
	offline.Offline = true
	wantError(t, s.install(t.Context(), XLACPU, offline), "offline")
	s.wantFiles(t)
	for _, word := range []string{"is installed:", "installed already"} {
		lines = nil
		if err := s.install(t.Context(), XLACPU, options); err != nil {
			t.Fatal(err)
		}
		if len(lines) != 1 || !strings.Contains(lines[0], word) || !strings.Contains(lines[0], s.ownPlugin()) {
			t.Errorf("messages: %q, want one with %q", lines, word)
		}
	}
}

// TestInstallByGoXLA: its errors, panics and silence come out as errors, and
// its output does not reach the standard output.
func TestInstallByGoXLA(t *testing.T) {
	s := fakeSite(t, refuse(t))
	s.hasNVIDIA = func() bool { return true }
	stdout := os.Stdout
	found := map[string]string{}
	s.defaults = func() map[string]string { return found }
	for want, run := range map[string]func(string) error{
		"no route":      func(string) error { return errors.New("no route") },
		"out of range":  func(string) error { panic("out of range") },
		"has no plugin": func(string) error { return nil },
	} {
		s.goXLAInstaller = run
		wantError(t, s.install(t.Context(), XLACUDA, Options{}), want, "xla:cuda")
	}
	s.goXLAInstaller = func(plugin string) error {
		if os.Stdout == stdout {
			t.Error("the installer can draw on the standard output")
		}
		found[plugin] = "/somewhere/" + plugin
		return nil
	}
	var lines []string
	if err := s.install(t.Context(), XLACUDA, recorder("", &lines)); err != nil {
		t.Fatal(err)
	}
	if len(lines) != 2 || !strings.Contains(lines[1], "/somewhere/cuda") {
		t.Errorf("messages: %q", lines)
	}
	if os.Stdout != stdout {
		t.Error("the standard output was not given back")
	}
}
