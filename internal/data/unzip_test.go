package data

import (
	"archive/zip"
	"bytes"
	"context"
	"errors"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/kafisto/kafisto/internal/alloctest"
)

// zipped makes a zip file; a name that ends in "/" is a folder, one that ends in "@"
// a link.
func zipped(t testing.TB, files ...[2]string) []byte {
	t.Helper()
	var out bytes.Buffer
	w := zip.NewWriter(&out)
	for _, file := range files {
		header := &zip.FileHeader{Name: strings.TrimSuffix(file[0], "@"), Method: zip.Deflate}
		switch {
		case strings.HasSuffix(file[0], "/"):
			header.SetMode(fs.ModeDir | 0o755)
		case strings.HasSuffix(file[0], "@"):
			header.SetMode(fs.ModeSymlink | 0o777)
		default:
			header.SetMode(0o644)
		}
		f, err := w.CreateHeader(header)
		if err == nil && file[1] != "" {
			_, err = f.Write([]byte(file[1]))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func TestExtractZip(t *testing.T) {
	members := []member{{"a.txt", 3}, {file: "b.txt"}}
	a, b := [2]string{"set/a.txt", "aaa"}, [2]string{"set/b.txt", "bbbb"}
	spoiled := bytes.Replace(zipped(t, a, b), []byte("aaa"), []byte("aba"), 1)
	for name, c := range map[string]struct {
		archive []byte
		word    string // of the error; none for ""
	}{
		"whole":          {zipped(t, [2]string{"set/", ""}, a, [2]string{"set/other", "x"}, b), ""},
		"no zip":         {[]byte("no zip file"), "not a whole zip"},
		"cut":            {zipped(t, a, b)[:60], "not a whole zip"},
		"damaged":        {spoiled, "cannot unpack a.txt"},
		"member missing": {zipped(t, a), "holds no set/b.txt"},
		"folder instead": {zipped(t, a, [2]string{"set/b.txt/", ""}), "holds no set/b.txt"},
		"other size":     {zipped(t, [2]string{"set/a.txt", "aa"}, b), "2 bytes, want 3"},
		"leads outside":  {zipped(t, a, b, [2]string{"set/../../evil", "x"}), "leads outside"},
		"link":           {zipped(t, a, b, [2]string{"set/link@", "/etc"}), "a link"},
		"bomb":           {zipped(t, a, [2]string{"set/b.txt", strings.Repeat("b", 1<<16)}), "far more"},
		"twice":          {zipped(t, a, b, [2]string{"set/./a.txt", "zzz"}), "holds a.txt twice"},
		"many entries":   {zipped(t, slices.Repeat([][2]string{{"set/", ""}}, maxEntries+1)...), "entries"},
	} {
		t.Run(name, func(t *testing.T) {
			outer := t.TempDir()
			dir := filepath.Join(outer, "inside")
			if err := os.Mkdir(dir, 0o755); err != nil {
				t.Fatal(err)
			}
			path := filepath.Join(outer, "x.zip")
			if err := os.WriteFile(path, c.archive, 0o644); err != nil {
				t.Fatal(err)
			}
			err := extractFile(context.Background(), path, dir, "set", members, 1<<16)
			if c.word != "" {
				wantError(t, err, c.word, "x.zip")
				if got := tree(t, dir); len(got) > 0 {
					t.Errorf("%q are left", got)
				}
			} else if got := tree(t, dir); err != nil || !slices.Equal(got, []string{"a.txt", "b.txt", sumsFile}) {
				t.Errorf("%v, %v", got, err)
			}
			if got := tree(t, outer); slices.Contains(got, "evil") {
				t.Errorf("wrote %v", got)
			}
		})
	}
}

func TestFetchZip(t *testing.T) {
	archive := zipped(t, [2]string{"set/a.txt", "aaa"}, [2]string{"set/b.txt", "bbbb"})
	agent := ""
	set := serve(t, func(w http.ResponseWriter, r *http.Request) { agent = r.UserAgent(); w.Write(archive) })
	set.members = []member{{"a.txt", 3}, {file: "b.txt"}}
	set.sources[0].Name, set.sources[0].Size, set.sources[0].SHA256 = "set.zip", int64(len(archive)), sumOf(archive)
	cache := t.TempDir()
	dir, err := set.fetch(context.Background(), cache, FetchOptions{})
	if got, _ := os.ReadFile(filepath.Join(dir, "b.txt")); err != nil || string(got) != "bbbb" {
		t.Errorf("%q, %v", got, err)
	}
	if agent != "kafisto" {
		t.Errorf("asked as %q", agent)
	}
	if _, err := set.fetch(context.Background(), cache, FetchOptions{Offline: true}); err != nil {
		t.Errorf("what is there is fetched again: %v", err)
	}
	if err := errors.Join(os.Remove(filepath.Join(dir, "b.txt")), os.Mkdir(filepath.Join(dir, "b.txt"), 0o755)); err != nil {
		t.Fatal(err)
	}
	_, err = set.fetch(context.Background(), cache, FetchOptions{})
	wantError(t, err, "b.txt is not a file", "move it away")
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := extractFile(ctx, filepath.Join(cache, "set.zip"), t.TempDir(), "set", set.members, 1<<16); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}

// FuzzExtractZip unpacks any file and, where there is a name, a whole archive with an
// entry of that name besides, so that the fuzzer gets past the checksums.
func FuzzExtractZip(f *testing.F) {
	members := []member{{"a.txt", 3}, {file: "b.txt"}}
	a, b := [2]string{"set/a.txt", "aaa"}, [2]string{"set/b.txt", "bbbb"}
	f.Add(zipped(f, a, b), "")
	f.Add(zipped(f, a, [2]string{"set/b.txt", strings.Repeat("b", 1<<16)}), "")
	f.Add([]byte{}, "set/../../evil")
	f.Add([]byte{}, "set/b.txt@")
	f.Add([]byte{}, "set/./a.txt/")
	outer := f.TempDir()
	f.Fuzz(func(t *testing.T, archive []byte, name string) {
		if len(name) > 1000 {
			return
		}
		if name != "" {
			archive = zipped(t, a, b, [2]string{name, ""})
		}
		inside := filepath.Join(outer, "inside")
		if err := errors.Join(os.RemoveAll(inside), os.Mkdir(inside, 0o755)); err != nil {
			t.Fatal(err)
		}
		root, err := os.OpenRoot(inside)
		if err != nil {
			t.Fatal(err)
		}
		defer root.Close()
		alloctest.Within(t, 1<<20+64*len(archive), func() {
			err = extractZip(context.Background(), bytes.NewReader(archive), int64(len(archive)), "x.zip", root, "set", members, 1<<16)
		})
		if err != nil {
			wantError(t, err, "x.zip")
		}
		left := tree(t, outer)
		if err == nil && len(left) != 4 {
			t.Fatalf("no error, but %v", left)
		}
		for _, path := range left {
			if !slices.Contains([]string{"inside", "inside/a.txt", "inside/b.txt", "inside/" + sumsFile}, path) {
				t.Fatalf("%s was written", path)
			}
		}
	})
}
