package data

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/kafisto/kafisto/internal/alloctest"
)

// entry is one entry of a made tar file; kind 0 is a regular file.
type entry struct {
	name, content string
	kind          byte
}

func tarball(t testing.TB, entries ...entry) []byte {
	t.Helper()
	var out bytes.Buffer
	w := tar.NewWriter(&out)
	for _, e := range entries {
		header := &tar.Header{Name: e.name, Typeflag: tar.TypeReg, Size: int64(len(e.content)), Mode: 0o777}
		if e.kind != 0 {
			header.Typeflag, header.Size = e.kind, 0
			if e.kind == tar.TypeSymlink || e.kind == tar.TypeLink {
				header.Linkname = e.content
			}
		}
		if err := w.WriteHeader(header); err != nil {
			t.Fatal(err)
		}
		if header.Size > 0 {
			if _, err := w.Write([]byte(e.content)); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return gzipped(t, out.Bytes())
}

// tree lists all that lies under dir.
func tree(t testing.TB, dir string) []string {
	t.Helper()
	var found []string
	err := filepath.WalkDir(dir, func(path string, _ fs.DirEntry, err error) error {
		if path != dir {
			found = append(found, strings.TrimPrefix(filepath.ToSlash(path), filepath.ToSlash(dir)+"/"))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

var testMembers = []member{{"a.bin", 3}, {"b.bin", 4}}

// unpack extracts into outside/inside and returns what there is in outside.
func unpack(t testing.TB, archive []byte, maxBytes int64) ([]string, error) {
	t.Helper()
	outside := t.TempDir()
	inside := filepath.Join(outside, "inside")
	if err := os.Mkdir(inside, 0o755); err != nil {
		t.Fatal(err)
	}
	root, err := os.OpenRoot(inside)
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	err = extract(context.Background(), bytes.NewReader(archive), "the-archive", root, "set", testMembers, maxBytes)
	for _, m := range testMembers {
		if info, statErr := os.Stat(filepath.Join(inside, m.file)); statErr == nil && info.Size() != m.size {
			t.Errorf("%s was left with %d bytes", m.file, info.Size())
		}
	}
	return tree(t, outside), err
}

func TestExtract(t *testing.T) {
	got, err := unpack(t, tarball(t,
		entry{"set/", "", tar.TypeDir},
		entry{"./set/a.bin", "aaa", 0},
		entry{"set/readme.html", "passed over", 0},
		entry{"set/b.bin", "bbbb", 0},
	), 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	if want := []string{"inside", "inside/a.bin", "inside/b.bin", "inside/kafisto.sha256"}; !slices.Equal(got, want) {
		t.Errorf("found %v, want %v", got, want)
	}
}

func TestExtractHostile(t *testing.T) {
	a := entry{"set/a.bin", "aaa", 0}
	good := tarball(t, a, entry{"set/b.bin", "bbbb", 0})
	zeros := strings.Repeat("\x00", 4<<20)
	many := slices.Repeat([]entry{{"set/x", "", 0}}, maxEntries+1)
	for name, c := range map[string]struct {
		archive []byte
		word    string
	}{
		"parent":         {tarball(t, a, entry{"../evil", "x", 0}), `"../evil" leads outside`},
		"hidden parent":  {tarball(t, a, entry{"set/../../evil", "x", 0}), "leads outside"},
		"parent member":  {tarball(t, a, entry{"set/../../set/b.bin", "bbbb", 0}), "leads outside"},
		"absolute":       {tarball(t, a, entry{"/tmp/evil", "x", 0}), "leads outside"},
		"symlink":        {tarball(t, a, entry{"set/b.bin", "../../evil", tar.TypeSymlink}), "link or a device"},
		"hard link":      {tarball(t, a, entry{"set/b.bin", "/etc/passwd", tar.TypeLink}), "link or a device"},
		"device":         {tarball(t, a, entry{"set/b.bin", "", tar.TypeChar}), "link or a device"},
		"pipe":           {tarball(t, a, entry{"set/b.bin", "", tar.TypeFifo}), "link or a device"},
		"bomb":           {tarball(t, a, entry{"set/zeros", zeros, 0}), "far more"},
		"many entries":   {tarball(t, many...), "more than 1000 entries"},
		"wrong size":     {tarball(t, a, entry{"set/b.bin", "bbbbb", 0}), "b.bin has 5 bytes, want 4"},
		"folder as file": {tarball(t, a, entry{"set/b.bin", "", tar.TypeDir}), "holds no set/b.bin"},
		"twice":          {tarball(t, a, a, entry{"set/b.bin", "bbbb", 0}), "holds a.bin twice"},
		"twice, after":   {tarball(t, a, entry{"set/b.bin", "bbbb", 0}, entry{"./set/a.bin", "zzz", 0}), "holds a.bin twice"},
		"missing":        {tarball(t, a), "holds no set/b.bin"},
		"cut":            {good[:len(good)-20], "cannot unpack"},
		"not gzip":       {[]byte("<html>"), "not a gzip file"},
		"empty":          {nil, "not a gzip file"},
	} {
		t.Run(name, func(t *testing.T) {
			left, err := unpack(t, c.archive, 1<<20)
			wantError(t, err, "the-archive", c.word)
			if !slices.Equal(left, []string{"inside"}) {
				t.Errorf("%q are left", left)
			}
		})
	}
}

// Links that lie in the folder already lead nowhere either.
func TestExtractDoesNotFollowLinks(t *testing.T) {
	outside := t.TempDir()
	inside := filepath.Join(outside, "inside")
	victim := filepath.Join(outside, "victim")
	if err := errors.Join(os.Mkdir(inside, 0o755), os.WriteFile(victim, []byte("mine"), 0o644)); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(inside, "a.bin.part"), []byte("a browser's"), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"a.bin", temporary("a.bin")} {
		if err := os.Symlink(victim, filepath.Join(inside, name)); err != nil {
			t.Skipf("this system makes no symbolic links: %v", err)
		}
	}
	root, err := os.OpenRoot(inside)
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	archive := tarball(t, entry{"set/a.bin", "aaa", 0}, entry{"set/b.bin", "bbbb", 0})
	if err := extract(context.Background(), bytes.NewReader(archive), "x", root, "set", testMembers, 1<<20); err != nil {
		t.Fatal(err)
	}
	if got, _ := os.ReadFile(victim); string(got) != "mine" {
		t.Errorf("the file outside now holds %q", got)
	}
	if got, _ := os.ReadFile(filepath.Join(inside, "a.bin.part")); string(got) != "a browser's" {
		t.Errorf("another program's download now holds %q", got)
	}
}

func TestExtractStopsWhenCancelled(t *testing.T) {
	root, err := os.OpenRoot(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	err = extract(ctx, bytes.NewReader(tarball(t, entry{"set/a.bin", "aaa", 0})), "x", root, "set", testMembers, 1<<20)
	if !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

func FuzzExtract(f *testing.F) {
	f.Add(tarball(f, entry{"set/a.bin", "aaa", 0}, entry{"set/b.bin", "bbbb", 0}))
	f.Add(tarball(f, entry{"../x", "aaa", 0}))
	f.Add(tarball(f, entry{"set/b.bin", "../../x", tar.TypeSymlink}))
	f.Fuzz(func(t *testing.T, archive []byte) {
		var left []string
		var err error
		alloctest.Within(t, 4<<20+64*len(archive), func() { left, err = unpack(t, archive, 1<<16) })
		if err == nil && len(left) != 4 {
			t.Fatalf("no error, but %v", left)
		}
		for _, path := range left {
			if path != "inside" && path != "inside/a.bin" && path != "inside/b.bin" && path != "inside/kafisto.sha256" {
				t.Fatalf("%s was written", path)
			}
		}
	})
}
