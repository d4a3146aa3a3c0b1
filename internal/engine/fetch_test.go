package engine

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// TestFetch installs the plugin once; from then on the network is not used.
func TestFetch(t *testing.T) {
	requests := 0
	var archive []byte
	s := fakeSite(t, func(w http.ResponseWriter, _ *http.Request) {
		requests++
		_, _ = w.Write(archive)
	})
	archive = pack(t, "plugin_cpu.so", content)
	var progress bytes.Buffer
	for range 3 {
		engine, err := s.open(t.Context(), Options{Choice: XLACPU, Progress: &progress})
		if err != nil {
			t.Fatal(err)
		}
		if engine.Name != "xla:cpu" || engine.Backend == nil {
			t.Errorf("opened %+v", engine)
		}
		engine.Close()
		engine.Close()
	}
	if requests != 1 {
		t.Errorf("%d requests, want 1", requests)
	}
	if lines := strings.Count(progress.String(), "\n"); lines != 1 || strings.ContainsAny(progress.String(), "\r\x1b") {
		t.Errorf("progress outside a terminal is not one plain line: %q", progress.String())
	}
	s.wantFiles(t, "plugin_cpu.json", "plugin_cpu.so")
	if got, err := os.ReadFile(s.ownPlugin()); err != nil || !bytes.Equal(got, content) {
		t.Errorf("installed plugin differs from the wheel's (%v)", err)
	}
}

// TestFetchRefuses lists the ways in which a download goes wrong. None leaves
// a file, all say what it was, and the next try works.
func TestFetchRefuses(t *testing.T) {
	good := pack(t, "plugin_cpu.so", content)
	flipped := slices.Clone(good)
	flipped[len(flipped)/2] ^= 1
	release := make(chan struct{})
	cases := []struct {
		name   string
		answer http.HandlerFunc
		change func(*site)
		want   string
	}{
		{name: "not found", want: "404", answer: http.NotFound},
		{name: "error page", want: "web page", answer: serve([]byte("<html>please log in</html>"))},
		{name: "too long", want: "bytes, want", answer: serve(append(slices.Clone(good), 0))},
		{name: "wrong archive hash", want: "SHA-256", answer: serve(flipped)},
		{name: "cut short", want: "connection ended", answer: func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "1000000")
			_, _ = w.Write(good[:len(good)/2])
		}, change: func(s *site) { s.wheel.size = 1000000 }},
		{name: "cut short without length", want: "connection ended", answer: func(w http.ResponseWriter, _ *http.Request) {
			w.(http.Flusher).Flush()
			_, _ = w.Write(good[:len(good)/2])
		}},
		{name: "stalled", want: "nothing for too long", answer: func(w http.ResponseWriter, r *http.Request) {
			_, _ = w.Write(good[:len(good)/2])
			w.(http.Flusher).Flush()
			select {
			case <-release:
			case <-r.Context().Done():
			}
		}, change: func(s *site) { s.wheel.download.Stall = 50 * time.Millisecond }},
		{name: "wrong plugin hash", want: "plugin_cpu.so has SHA-256", answer: serve(good),
			change: func(s *site) { s.wheel.fileSHA256 = sum(nil) }},
		{name: "wrong plugin size", want: "plugin_cpu.so has SHA-256", answer: serve(good),
			change: func(s *site) { s.wheel.fileSize-- }},
		{name: "no plugin in the archive", want: "there is no other.so", answer: serve(good),
			change: func(s *site) { s.wheel.file = "other.so" }},
		{name: "no archive", want: "archive: zip", answer: serve(content), change: func(s *site) {
			s.wheel.sha256, s.wheel.size = sum(content), int64(len(content))
		}},
		{name: "no index", want: "no such host", answer: refuse(t), change: func(s *site) {
			s.wheel.resolve = func(context.Context) (string, error) { return "", errors.New("no such host") }
		}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			answer := c.answer
			s := fakeSite(t, func(w http.ResponseWriter, r *http.Request) { answer(w, r) })
			pinned := *s.wheel
			if c.change != nil {
				c.change(s)
			}
			engine, err := s.open(t.Context(), Options{Choice: XLACPU})
			wantError(t, err, c.want, "xla:cpu", s.folder)
			if engine != nil {
				t.Errorf("got an engine with the error: %+v", engine)
			}
			s.wantFiles(t)

			*s.wheel, answer = pinned, serve(good)
			if _, err := s.open(t.Context(), Options{Choice: XLACPU}); err != nil {
				t.Errorf("the next try: %v", err)
			}
			s.wantFiles(t, "plugin_cpu.json", "plugin_cpu.so")
		})
	}
	close(release)
}

// TestFetchResumes takes a download up again where it broke off, within one fetch and
// in a later one.
func TestFetchResumes(t *testing.T) {
	archive := pack(t, "plugin_cpu.so", content)
	half := len(archive) / 2
	for retries := range 2 {
		var ranges []string
		s := fakeSite(t, func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("ETag", `"v1"`)
			if ranges = append(ranges, r.Header.Get("Range")); len(ranges) > 1 {
				http.ServeContent(w, r, "wheel.bin", time.Time{}, bytes.NewReader(archive))
				return
			}
			w.Header().Set("Content-Length", fmt.Sprint(len(archive)))
			_, _ = w.Write(archive[:half])
			w.(http.Flusher).Flush()
			panic(http.ErrAbortHandler)
		})
		s.wheel.download.Retries = retries
		_, err := s.open(t.Context(), Options{Choice: XLACPU})
		if retries == 0 {
			wantError(t, err, "connection ended after")
			s.wantFiles(t, ".plugin_cpu.so.wheel.kafisto-part", ".plugin_cpu.so.wheel.kafisto-tag")
			_, err = s.open(t.Context(), Options{Choice: XLACPU})
		}
		if want := []string{"", fmt.Sprintf("bytes=%d-", half)}; err != nil || !slices.Equal(ranges, want) {
			t.Errorf("%d retries: %v, asked for %q, want %q", retries, err, ranges, want)
		}
		s.wantFiles(t, "plugin_cpu.json", "plugin_cpu.so")
	}
}

// TestFetchByTwo lets two processes fetch at once: one waits and finds the plugin.
func TestFetchByTwo(t *testing.T) {
	var requests atomic.Int32
	archive := pack(t, "plugin_cpu.so", content)
	s := fakeSite(t, func(w http.ResponseWriter, _ *http.Request) {
		requests.Add(1)
		_, _ = w.Write(archive)
	})
	errs := make(chan error)
	for range 2 {
		go func() { _, err := s.fetch(t.Context(), Options{}); errs <- err }()
	}
	if err := errors.Join(<-errs, <-errs); err != nil || requests.Load() != 1 {
		t.Errorf("%v after %d requests", err, requests.Load())
	}
	s.wantFiles(t, "plugin_cpu.json", "plugin_cpu.so")
}

// TestFetchCancelled ends a download by its context.
func TestFetchCancelled(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	s := fakeSite(t, func(w http.ResponseWriter, r *http.Request) {
		w.(http.Flusher).Flush()
		cancel()
		<-r.Context().Done()
	})
	_, err := s.open(ctx, Options{Choice: Auto})
	wantError(t, err)
	if !errors.Is(err, context.Canceled) {
		t.Errorf("error %v is not context.Canceled", err)
	}
	s.wantFiles(t)
}

// TestFetchUnwritable has a file where the folder should be.
func TestFetchUnwritable(t *testing.T) {
	s := fakeSite(t, refuse(t))
	s.folder = filepath.Join(t.TempDir(), "file", "pjrt")
	if err := os.WriteFile(filepath.Dir(s.folder), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	_, err := s.open(t.Context(), Options{Choice: XLACPU})
	wantError(t, err, s.folder)
	s.folder = ""
	_, err = s.open(t.Context(), Options{Choice: XLACPU})
	wantError(t, err, "HOME")
}

// TestAnyOtherArchiveIsRefused changes the archive anywhere: nothing but the
// pinned bytes is ever installed, and what was installed before stays.
func TestAnyOtherArchiveIsRefused(t *testing.T) {
	good := pack(t, "plugin_cpu.so", content)
	var served []byte
	s := fakeSite(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(served) })
	if err := os.MkdirAll(s.folder, 0o755); err != nil {
		t.Fatal(err)
	}
	before := []byte("an older plugin")
	if err := os.WriteFile(s.ownPlugin(), before, 0o644); err != nil {
		t.Fatal(err)
	}
	rapid.Check(t, func(t *rapid.T) {
		served = slices.Clone(good)
		if rapid.Bool().Draw(t, "cut") {
			served = served[:rapid.IntRange(0, len(served)-1).Draw(t, "length")]
		} else {
			served[rapid.IntRange(0, len(served)-1).Draw(t, "at")] ^= byte(rapid.IntRange(1, 255).Draw(t, "flip"))
		}
		if _, err := s.fetch(context.Background(), Options{}); err == nil {
			t.Fatal("a changed archive was installed")
		}
		if got, err := os.ReadFile(s.ownPlugin()); err != nil || !bytes.Equal(got, before) {
			t.Fatalf("the plugin installed before changed: %q, %v", got, err)
		}
	})
	s.wantFiles(t, "plugin_cpu.so")
}

// TestSweep removes old temporary files and nothing else.
func TestSweep(t *testing.T) {
	s := fakeSite(t, serve(pack(t, "plugin_cpu.so", content)))
	if err := os.MkdirAll(s.folder, 0o755); err != nil {
		t.Fatal(err)
	}
	old := time.Now().Add(-48 * time.Hour)
	for _, name := range []string{".wheel.tmp-old", ".plugin_cpu.so.tmp-old", "user.so", ".wheel.tmp-new"} {
		path := filepath.Join(s.folder, name)
		if err := os.WriteFile(path, nil, 0o644); err != nil {
			t.Fatal(err)
		}
		if !strings.HasSuffix(name, "new") {
			if err := os.Chtimes(path, old, old); err != nil {
				t.Fatal(err)
			}
		}
	}
	if _, err := s.fetch(t.Context(), Options{}); err != nil {
		t.Fatal(err)
	}
	s.wantFiles(t, ".wheel.tmp-new", "plugin_cpu.json", "plugin_cpu.so", "user.so")
}
