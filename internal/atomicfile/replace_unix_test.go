//go:build unix

package atomicfile

import (
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

// TestKeepsWhatIsNoFile: devices, pipes, folders and links to them are refused and
// stay, and so are links that lead nowhere.
func TestKeepsWhatIsNoFile(t *testing.T) {
	dir := t.TempDir()
	path := func(name string) string { return filepath.Join(dir, name) }
	made := map[string]error{
		"pipe":    syscall.Mkfifo(path("pipe"), 0o644),
		"folder":  os.Mkdir(path("folder"), 0o755),
		"null":    os.Symlink(os.DevNull, path("null")),
		"nowhere": os.Symlink("missing", path("nowhere")),
		"circle":  os.Symlink("circle", path("circle")),
	}
	for name, err := range made {
		if err != nil {
			t.Fatal(err)
		}
		before, err := os.Lstat(path(name))
		if err != nil {
			t.Fatal(err)
		}
		if err := WriteBytes(path(name), []byte("x")); err == nil {
			t.Errorf("%s: no error", name)
		}
		if after, err := os.Lstat(path(name)); err != nil || after.Mode() != before.Mode() {
			t.Errorf("%s: was %v, is %v, %v", name, before.Mode(), after, err)
		}
	}
	if got := names(t, dir); len(got) != len(made) {
		t.Errorf("folder holds %v", got)
	}
}

// TestKeepsPermission: a private file stays private, a link to one becomes one.
func TestKeepsPermission(t *testing.T) {
	dir := t.TempDir()
	path, link := filepath.Join(dir, "f"), filepath.Join(dir, "link")
	if err := os.Symlink("f", link); err != nil {
		t.Fatal(err)
	}
	for _, mode := range []fs.FileMode{0o600, 0o640, 0o666, 0o444, 0o755} {
		if err := os.WriteFile(path, []byte("old"), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
		if err := WriteBytes(path, []byte("new")); err != nil {
			t.Fatal(err)
		}
		if info, err := os.Stat(path); err != nil || info.Mode() != mode || info.Size() != 3 {
			t.Errorf("%v became %v, %v", mode, info.Mode(), err)
		}
		if err := os.Chmod(path, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := WriteBytes(link, []byte("newer")); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Lstat(link); err != nil || info.Mode() != 0o600 {
		t.Errorf("the link became %v, %v", info, err)
	}
	if got, err := os.ReadFile(path); err != nil || string(got) != "new" {
		t.Errorf("what the link led to holds %q, %v", got, err)
	}
}
