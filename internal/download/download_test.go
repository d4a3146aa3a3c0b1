package download

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

var content = bytes.Repeat([]byte("a published file "), 10_000)

func sum(content []byte) string {
	sum := sha256.Sum256(content)
	return hex.EncodeToString(sum[:])
}

// serve answers with handler and returns the file that it is asked for.
func serve(t *testing.T, handler http.HandlerFunc) File {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	return File{URL: server.URL + "/file", Name: "file", Size: int64(len(content)), SHA256: sum(content)}
}

// whole serves the content with ranges and an ETag.
func whole(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("ETag", `"v1"`)
	http.ServeContent(w, r, "file.bin", time.Time{}, bytes.NewReader(content))
}

// cut sends half of the content, then drops the connection.
func cut(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("ETag", `"v1"`)
	w.Header().Set("Content-Length", fmt.Sprint(len(content)))
	w.Write(content[:len(content)/2])
	panic(http.ErrAbortHandler)
}

func wantError(t *testing.T, err error, parts ...string) {
	t.Helper()
	if err == nil {
		t.Fatalf("no error, want one with %q", parts)
	}
	for _, part := range append(parts, "download: ") {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("error %q does not say %q", err, part)
		}
	}
}

// write makes files by name in a folder.
func write(t *testing.T, dir string, files map[string]string) {
	t.Helper()
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// TestForeignFilesStay has another program's downloads in the folder.
func TestForeignFilesStay(t *testing.T) {
	dir := t.TempDir()
	foreign := map[string]string{"file.part": "a browser's half", "file.part.tag": "x", "file.tmp": "y", "file.gz.part": string(content)}
	write(t, dir, foreign)
	_, err := Fetch(t.Context(), serve(t, cut), dir, Options{})
	wantError(t, err, "fetch again")
	if _, err := Fetch(t.Context(), serve(t, whole), dir, Options{}); err != nil {
		t.Fatal(err)
	}
	if got, err := os.ReadFile(filepath.Join(dir, "file")); err != nil || !bytes.Equal(got, content) {
		t.Errorf("the file has %d bytes, %v", len(got), err)
	}
	for name, want := range foreign {
		if got, err := os.ReadFile(filepath.Join(dir, name)); err != nil || string(got) != want {
			t.Errorf("%s now has %d bytes, %v", name, len(got), err)
		}
	}
	if entries, err := os.ReadDir(dir); err != nil || len(entries) != len(foreign)+1 {
		t.Errorf("the folder holds %v, %v", entries, err)
	}
}

// TestRefusesWhatIsNoFile has links, folders and pipes where the part and its tag go:
// nothing is written through them, nothing removed, nobody waits.
func TestRefusesWhatIsNoFile(t *testing.T) {
	var asked atomic.Int32
	for _, name := range []string{".file.kafisto-part", ".file.kafisto-tag"} {
		for kind, make := range map[string]func(path, victim string) error{
			"link":   func(path, victim string) error { return os.Symlink(victim, path) },
			"folder": func(path, _ string) error { return os.Mkdir(path, 0o755) },
			"pipe":   func(path, _ string) error { return makePipe(path) },
		} {
			t.Run(name+" a "+kind, func(t *testing.T) {
				file := serve(t, func(w http.ResponseWriter, r *http.Request) { asked.Add(1); cut(w, r) })
				dir, victim := t.TempDir(), filepath.Join(t.TempDir(), "victim")
				write(t, filepath.Dir(victim), map[string]string{"victim": "mine"})
				path := filepath.Join(dir, name)
				if err := make(path, victim); err != nil {
					t.Skip(err)
				}
				_, err := Fetch(t.Context(), file, dir, Options{Retries: 2})
				wantError(t, err, path, "not a regular file")
				if info, err := os.Lstat(path); err != nil || info.Mode().IsRegular() {
					t.Errorf("%s is now %v, %v", name, info, err)
				}
				if got, err := os.ReadFile(victim); err != nil || string(got) != "mine" {
					t.Errorf("the victim now holds %q, %v", got, err)
				}
			})
		}
	}
	if asked.Load() != 0 {
		t.Errorf("%d requests", asked.Load())
	}
}

// TestGoesOnFromItsOwnAlone has bytes of which nobody knows that they are this file's.
func TestGoesOnFromItsOwnAlone(t *testing.T) {
	half := string(content[:1000])
	for name, c := range map[string]struct {
		part, tag string
		ranges    string
	}{
		"no tag":          {half, "", ""},
		"right size":      {strings.Repeat("x", len(content)), "", ""},
		"too long":        {strings.Repeat("x", len(content)+1), sum(content) + "\n\"v1\"", ""},
		"of another file": {half, sum(nil) + "\n\"v1\"", ""},
		"no version":      {half, sum(content) + "\n", ""},
		"long tag":        {half, sum(content) + "\n" + strings.Repeat("x", maxTag), ""},
		"no bytes":        {"", sum(content) + "\n\"v1\"", ""},
		"its own":         {half, sum(content) + "\n\"v1\"", "bytes=1000-"},
	} {
		t.Run(name, func(t *testing.T) {
			ranges := "unasked"
			file := serve(t, func(w http.ResponseWriter, r *http.Request) { ranges = r.Header.Get("Range"); whole(w, r) })
			dir := t.TempDir()
			write(t, dir, map[string]string{".file.kafisto-part": c.part, ".file.kafisto-tag": c.tag})
			path, err := Fetch(t.Context(), file, dir, Options{})
			if err != nil || ranges != c.ranges {
				t.Fatalf("%v, asked for %q, want %q", err, ranges, c.ranges)
			}
			if got, err := os.ReadFile(path); err != nil || !bytes.Equal(got, content) {
				t.Errorf("%d bytes, %v", len(got), err)
			}
		})
	}
}

// TestTagIsOfTheBytes looks at what a kill would leave at each moment of beginning
// anew: never bytes of one version with the tag of another.
func TestTagIsOfTheBytes(t *testing.T) {
	dir := t.TempDir()
	part := File{Name: "file", Size: 10, SHA256: sum(content)}.part(dir)
	write(t, dir, map[string]string{".file.kafisto-part": "old", ".file.kafisto-tag": part.file.SHA256 + "\nold"})
	if size, validator, err := part.have(); size != 3 || validator != "old" || err != nil {
		t.Fatalf("%d bytes of %q, %v", size, validator, err)
	}
	stuck := part
	stuck.tag = filepath.Join(dir, "missing", "tag") // beginning anew ends where the tag is written
	if _, err := stuck.begin("new"); err == nil {
		t.Fatal("a tag was written into a folder that is not there")
	}
	if size, validator, err := part.have(); size != 0 || err != nil {
		t.Errorf("before the new tag there are %d bytes of %q, %v", size, validator, err)
	}
	file, err := part.begin("new")
	if err != nil {
		t.Fatal(err)
	}
	file.Close()
	if got, err := os.ReadFile(part.tag); err != nil || string(got) != part.file.SHA256+"\nnew" {
		t.Errorf("the tag is %q, %v", got, err)
	}
}

// TestLeavesOnlyWhatServes: without a version's name nothing can be gone on from.
func TestLeavesOnlyWhatServes(t *testing.T) {
	dir := t.TempDir()
	file := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", fmt.Sprint(len(content)))
		w.Write(content[:1000])
	})
	_, err := Fetch(t.Context(), file, dir, Options{})
	wantError(t, err, "after 1000 of")
	if entries, err := os.ReadDir(dir); err != nil || len(entries) != 0 {
		t.Errorf("%v are left, %v", entries, err)
	}
}

// TestRedirects follows those of the web and asks no wrong one twice.
func TestRedirects(t *testing.T) {
	for name, c := range map[string]struct {
		to   func(r *http.Request) string
		most int32
		word string
	}{
		"another place": {func(*http.Request) string { return "/whole" }, 2, ""},
		"a file":        {func(*http.Request) string { return "file:///etc/passwd" }, 1, `address of "file"`},
		"itself":        {func(r *http.Request) string { return r.URL.String() }, 11, "more than 10 times"},
	} {
		t.Run(name, func(t *testing.T) {
			var asked atomic.Int32
			file := serve(t, func(w http.ResponseWriter, r *http.Request) {
				asked.Add(1)
				if r.URL.Path == "/whole" {
					whole(w, r)
					return
				}
				http.Redirect(w, r, c.to(r), http.StatusFound)
			})
			_, err := Fetch(t.Context(), file, t.TempDir(), Options{Retries: 2})
			if c.word != "" {
				wantError(t, err, c.word)
			} else if err != nil {
				t.Error(err)
			}
			if asked.Load() != c.most {
				t.Errorf("%d requests, want %d", asked.Load(), c.most)
			}
		})
	}
}

// TestNoWayBackToHTTP: a server that answers for itself sends to one that anybody may
// be. A certificate that nobody vouches for is not asked for again either.
func TestNoWayBackToHTTP(t *testing.T) {
	plain := serve(t, func(http.ResponseWriter, *http.Request) { t.Error("the plain server was asked") })
	var connections atomic.Int32
	server := httptest.NewUnstartedServer(http.RedirectHandler(plain.URL, http.StatusFound))
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			connections.Add(1)
		}
	}
	server.StartTLS()
	t.Cleanup(server.Close)
	file := plain
	file.URL = server.URL
	_, err := Fetch(t.Context(), file, t.TempDir(), Options{Client: server.Client()})
	wantError(t, err, "from https to http")
	connections.Store(0)
	_, err = Fetch(t.Context(), file, t.TempDir(), Options{Retries: 2})
	wantError(t, err, "certificate")
	if connections.Load() != 1 {
		t.Errorf("%d connections", connections.Load())
	}
}

// TestDrip has a server that is never silent and never done.
func TestDrip(t *testing.T) {
	var asked atomic.Int32
	file := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if asked.Add(1) > 1 {
			whole(w, r)
			return
		}
		w.Header().Set("ETag", `"v1"`)
		for i := 0; r.Context().Err() == nil && i < len(content); i++ {
			w.Write(content[i : i+1])
			w.(http.Flusher).Flush()
			time.Sleep(10 * time.Millisecond)
		}
	})
	dir, options := t.TempDir(), Options{Stall: 20 * time.Second, Window: 500 * time.Millisecond}
	_, err := Fetch(t.Context(), file, dir, options)
	wantError(t, err, "too slow")
	options.Retries, options.Window = 1, time.Minute
	if _, err := Fetch(t.Context(), file, dir, options); err != nil {
		t.Errorf("the next try: %v", err)
	}
}

// TestRetriesWhatMayPass: a connection that is dropped before the answer.
func TestRetriesWhatMayPass(t *testing.T) {
	var asked atomic.Int32
	file := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if asked.Add(1) == 1 {
			panic(http.ErrAbortHandler)
		}
		whole(w, r)
	})
	if _, err := Fetch(t.Context(), file, t.TempDir(), Options{Retries: 1}); err != nil || asked.Load() != 2 {
		t.Errorf("%v after %d requests", err, asked.Load())
	}
	if _, err := Fetch(t.Context(), file, t.TempDir(), Options{Window: -1}); err == nil {
		t.Error("a negative window was taken")
	}
}

// TestLock lets one at a time into a folder.
func TestLock(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "new", "folder")
	unlock, err := Lock(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := Lock(ctx, dir); err == nil {
		t.Error("two have the lock")
	}
	unlock()
	again, err := Lock(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	again()
}
