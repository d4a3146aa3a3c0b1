package data

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"sync/atomic"
	"testing"
	"time"
)

// testContent is a file that compresses badly, of a length that needs several reads.
var testContent = func() []byte {
	out := make([]byte, 300_001)
	x := uint64(1)
	for i := range out {
		x = splitmix(x)
		out[i] = byte(x)
	}
	return out
}()

func sumOf(content []byte) string {
	sum := sha256.Sum256(content)
	return hex.EncodeToString(sum[:])
}

// serve answers with handler and returns the set of one plain file it serves.
func serve(t *testing.T, handler http.HandlerFunc) *dataSet {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	return &dataSet{info: Info{Name: "test", Title: "Test"}, folder: "set", sources: []File{
		{URL: server.URL + "/file.gz", Name: "file.gz", Size: int64(len(testContent)), SHA256: sumOf(testContent)},
	}}
}

// whole serves the content with ranges and an ETag.
func whole(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("ETag", `"v1"`)
	http.ServeContent(w, r, "file.gz", time.Time{}, bytes.NewReader(testContent))
}

// cut sends the head of the whole answer, then drops the connection.
func cut(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("ETag", `"v1"`)
	w.Header().Set("Content-Length", fmt.Sprint(len(testContent)))
	w.Write(testContent[:100_000])
	panic(http.ErrAbortHandler)
}

func noFinalFile(t *testing.T, cache string) {
	t.Helper()
	for _, path := range tree(t, cache) {
		if path == "set/file.gz" {
			t.Error("a file with the final name was left")
		}
	}
}

func TestFetchAndFetchAgain(t *testing.T) {
	var asked atomic.Int32
	set := serve(t, func(w http.ResponseWriter, r *http.Request) { asked.Add(1); whole(w, r) })
	cache := filepath.Join(t.TempDir(), "new", "cache")
	var last int64
	options := FetchOptions{Progress: func(file string, done, total int64) {
		if file != "file.gz" || total != int64(len(testContent)) || done <= last {
			t.Errorf("progress %s %d of %d after %d", file, done, total, last)
		}
		last = done
	}}
	dir, err := set.fetch(context.Background(), cache, options)
	if err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(filepath.Join(dir, "file.gz"))
	if err != nil || !bytes.Equal(got, testContent) || last != int64(len(testContent)) {
		t.Fatalf("wrong content (%v), progress ended at %d", err, last)
	}
	if left := tree(t, cache); !slices.Equal(left, []string{".fetch.lock", "set", "set/file.gz"}) {
		t.Errorf("the cache holds %v", left)
	}
	if _, err := set.fetch(context.Background(), cache, FetchOptions{Offline: true}); err != nil || asked.Load() != 1 {
		t.Errorf("the second time: %v, %d requests", err, asked.Load())
	}
}

// Every wrong answer is refused, leaves no file of the final name, and does
// not stand in the way of a later try.
func TestFetchRefusesWrongAnswers(t *testing.T) {
	wrong := bytes.Clone(testContent)
	wrong[200_000]++
	for name, c := range map[string]struct {
		handler http.HandlerFunc
		word    string
	}{
		"not found": {http.NotFound, "404"},
		"forbidden": {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusForbidden) }, "403"},
		"no server": {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusBadGateway) }, "502"},
		"nothing":   {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) }, "204"},
		"web page": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/html; charset=utf-8")
			fmt.Fprint(w, "<html>please log in</html>")
		}, "web page"},
		"other file": {func(w http.ResponseWriter, _ *http.Request) { w.Write([]byte("short")) }, "offers 5 bytes"},
		"short, of unknown length": {func(w http.ResponseWriter, _ *http.Request) {
			w.Write(testContent[:1000])
			w.(http.Flusher).Flush()
		}, "ended after 1000 of"},
		"too long": {func(w http.ResponseWriter, _ *http.Request) {
			w.(http.Flusher).Flush()
			w.Write(testContent)
			w.Write([]byte("more"))
		}, "more than"},
		"cut":        {cut, "ended after 100000 of"},
		"wrong hash": {func(w http.ResponseWriter, _ *http.Request) { w.Write(wrong) }, "SHA-256"},
		"range unasked": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Range", fmt.Sprintf("bytes 5-9/%d", len(testContent)))
			w.WriteHeader(http.StatusPartialContent)
		}, "206"},
	} {
		t.Run(name, func(t *testing.T) {
			answer := c.handler
			set := serve(t, func(w http.ResponseWriter, r *http.Request) { answer(w, r) })
			cache := t.TempDir()
			_, err := set.fetch(context.Background(), cache, FetchOptions{})
			wantError(t, err, set.sources[0].URL, c.word)
			noFinalFile(t, cache)
			answer = whole
			if _, err := set.fetch(context.Background(), cache, FetchOptions{}); err != nil {
				t.Errorf("the retry: %v", err)
			}
		})
	}
}

func TestFetchStalled(t *testing.T) {
	for name, head := range map[string]int{"before the answer": 0, "in the body": 1000} {
		t.Run(name, func(t *testing.T) {
			var answered atomic.Bool
			set := serve(t, func(w http.ResponseWriter, r *http.Request) {
				if answered.Load() {
					whole(w, r)
					return
				}
				if head > 0 {
					w.Write(testContent[:head])
					w.(http.Flusher).Flush()
				}
				<-r.Context().Done()
			})
			cache := t.TempDir()
			_, err := set.fetch(context.Background(), cache, FetchOptions{Stall: 50 * time.Millisecond})
			wantError(t, err, "nothing for too long")
			noFinalFile(t, cache)
			answered.Store(true)
			if _, err := set.fetch(context.Background(), cache, FetchOptions{}); err != nil {
				t.Errorf("the retry: %v", err)
			}
		})
	}
}

// A cut download goes on where it stopped, within one call and in a later one.
func TestFetchResumes(t *testing.T) {
	var ranges []string
	handler := func(w http.ResponseWriter, r *http.Request) {
		ranges = append(ranges, r.Header.Get("Range")+r.Header.Get("If-Range"))
		if len(ranges) == 1 {
			cut(w, r)
		}
		whole(w, r)
	}
	want := []string{"", `bytes=100000-"v1"`}
	for _, retries := range []int{0, 1} {
		ranges = nil
		set := serve(t, handler)
		cache := t.TempDir()
		_, err := set.fetch(context.Background(), cache, FetchOptions{Retries: retries})
		if retries == 0 {
			wantError(t, err, "100000 of 300001")
			_, err = set.fetch(context.Background(), cache, FetchOptions{})
		}
		if err != nil || !slices.Equal(ranges, want) {
			t.Errorf("%d retries: %v, asked for %q, want %q", retries, err, ranges, want)
		}
	}
}

// A server that refuses ranges, or has another version by now, sends the whole
// file, and the part is dropped.
func TestFetchStartsAfreshWhereItCannotResume(t *testing.T) {
	for name, second := range map[string]http.HandlerFunc{
		"no ranges": func(w http.ResponseWriter, _ *http.Request) { w.Write(testContent) },
		"new version": func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("ETag", `"v2"`)
			http.ServeContent(w, r, "file.gz", time.Time{}, bytes.NewReader(testContent))
		},
	} {
		t.Run(name, func(t *testing.T) {
			answer := http.HandlerFunc(cut)
			set := serve(t, func(w http.ResponseWriter, r *http.Request) { answer(w, r) })
			cache := t.TempDir()
			_, err := set.fetch(context.Background(), cache, FetchOptions{})
			wantError(t, err, "100000 of")
			answer = second
			if _, err := set.fetch(context.Background(), cache, FetchOptions{}); err != nil {
				t.Error(err)
			}
		})
	}
}

// A wrong range is refused once; the next try asks for the whole file.
func TestFetchRefusesWrongRange(t *testing.T) {
	for name, second := range map[string]http.HandlerFunc{
		"other place": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Range", fmt.Sprintf("bytes 0-%d/%d", len(testContent)-1, len(testContent)))
			w.WriteHeader(http.StatusPartialContent)
			w.Write(testContent)
		},
		"unsatisfiable": func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusRequestedRangeNotSatisfiable) },
	} {
		t.Run(name, func(t *testing.T) {
			answer := http.HandlerFunc(cut)
			set := serve(t, func(w http.ResponseWriter, r *http.Request) { answer(w, r) })
			cache := t.TempDir()
			set.fetch(context.Background(), cache, FetchOptions{})
			answer = second
			_, err := set.fetch(context.Background(), cache, FetchOptions{})
			wantError(t, err, "the server")
			noFinalFile(t, cache)
			answer = whole
			if _, err := set.fetch(context.Background(), cache, FetchOptions{}); err != nil {
				t.Errorf("the third try: %v", err)
			}
		})
	}
}

func TestFetchKeepsForeignFiles(t *testing.T) {
	set := serve(t, whole)
	cache := t.TempDir()
	path := filepath.Join(cache, "set", "file.gz")
	if err := errors.Join(os.Mkdir(filepath.Dir(path), 0o755), os.WriteFile(path, []byte("mine"), 0o644)); err != nil {
		t.Fatal(err)
	}
	_, err := set.fetch(context.Background(), cache, FetchOptions{})
	wantError(t, err, path, "move it away")
	if got, _ := os.ReadFile(path); string(got) != "mine" {
		t.Errorf("the file now holds %q", got)
	}
}

func TestFetchBadOptions(t *testing.T) {
	set := serve(t, whole)
	_, err := set.fetch(context.Background(), "", FetchOptions{})
	wantError(t, err, "cache folder")
	_, err = set.fetch(context.Background(), t.TempDir(), FetchOptions{Stall: -1})
	wantError(t, err)
	_, err = set.fetch(context.Background(), t.TempDir(), FetchOptions{Offline: true})
	wantError(t, err, "network is not to be used", set.sources[0].URL)
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	_, err = set.fetch(context.Background(), file, FetchOptions{})
	wantError(t, err, file)
	_, err = Fetch(context.Background(), "mnist", t.TempDir(), FetchOptions{})
	wantError(t, err, `"mnist"`)
	if dir, err := Fetch(context.Background(), "fashion-sample", "", FetchOptions{Offline: true}); dir != "" || err != nil {
		t.Errorf("the embedded sample: %q, %v", dir, err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err = set.fetch(ctx, t.TempDir(), FetchOptions{Retries: 9}); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}

func TestFetchArchive(t *testing.T) {
	archive := tarball(t, entry{"set/a.bin", "aaa", 0}, entry{"set/b.bin", "bbbb", 0})
	var asked atomic.Int32
	set := serve(t, func(w http.ResponseWriter, _ *http.Request) { asked.Add(1); w.Write(archive) })
	set.members = testMembers
	set.sources[0].Size, set.sources[0].SHA256 = int64(len(archive)), sumOf(archive)
	cache := t.TempDir()
	fetch := func() error { _, err := set.fetch(context.Background(), cache, FetchOptions{}); return err }
	if err := errors.Join(fetch(), fetch()); err != nil {
		t.Fatal(err)
	}
	want := []string{".fetch.lock", "file.gz", "set", "set/a.bin", "set/b.bin", "set/" + sumsFile}
	if got := tree(t, cache); !slices.Equal(got, want) || asked.Load() != 1 {
		t.Errorf("found %v after %d requests, want %v after 1", got, asked.Load(), want)
	}
	// What is whole needs no lock, which a read-only folder would not have.
	lock := filepath.Join(cache, ".fetch.lock")
	if err := errors.Join(os.Remove(lock), os.Mkdir(lock, 0o755), fetch(), os.Remove(lock)); err != nil {
		t.Errorf("a whole set where nothing can be locked: %v", err)
	}
	// A lost member comes back from the archive; a foreign one is kept.
	lost, foreign := filepath.Join(cache, "set", "a.bin"), filepath.Join(cache, "set", "b.bin")
	os.Remove(lost)
	if err := fetch(); err != nil || asked.Load() != 1 {
		t.Errorf("%v after %d requests", err, asked.Load())
	}
	if got, _ := os.ReadFile(lost); string(got) != "aaa" {
		t.Errorf("the lost file now holds %q", got)
	}
	if err := os.WriteFile(foreign, []byte("mine"+"!"), 0o644); err != nil {
		t.Fatal(err)
	}
	wantError(t, fetch(), foreign, "move it away")
	if got, _ := os.ReadFile(foreign); string(got) != "mine!" {
		t.Errorf("the foreign file now holds %q", got)
	}
}

// TestFetchFile fetches a file that is no data set once, and not at all without the network.
func TestFetchFile(t *testing.T) {
	var asked atomic.Int32
	set := serve(t, func(w http.ResponseWriter, r *http.Request) { asked.Add(1); whole(w, r) })
	file := File{URL: set.sources[0].URL, Name: "weights.pth", Size: set.sources[0].Size, SHA256: set.sources[0].SHA256}
	cache := filepath.Join(t.TempDir(), "new", "cache")
	if _, err := FetchFile(t.Context(), file, cache, FetchOptions{Offline: true}); err == nil || asked.Load() != 0 {
		t.Errorf("offline: %v after %d requests", err, asked.Load())
	}
	for range 2 {
		path, err := FetchFile(t.Context(), file, cache, FetchOptions{})
		if err != nil {
			t.Fatal(err)
		}
		if content, err := os.ReadFile(path); err != nil || !bytes.Equal(content, testContent) || path != filepath.Join(cache, file.Name) || asked.Load() != 1 {
			t.Errorf("%s has %d bytes (%v) after %d requests", path, len(content), err, asked.Load())
		}
	}
	lock := filepath.Join(cache, ".fetch.lock") // cannot be locked, as in a read-only folder
	if err := errors.Join(os.Remove(lock), os.Mkdir(lock, 0o755)); err != nil {
		t.Fatal(err)
	}
	if _, err := FetchFile(t.Context(), file, cache, FetchOptions{}); err != nil {
		t.Errorf("a whole file where nothing can be locked: %v", err)
	}
	file.SHA256 = sumOf(nil)
	if _, err := FetchFile(t.Context(), file, cache, FetchOptions{}); err == nil {
		t.Error("a file with another sum was taken")
	}
	if _, err := FetchFile(t.Context(), file, cache, FetchOptions{Retries: -1}); err == nil {
		t.Error("-1 retries were taken")
	}
}
