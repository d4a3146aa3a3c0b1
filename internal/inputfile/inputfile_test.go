package inputfile

import (
	"archive/zip"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/kafisto/kafisto/internal/alloctest"
)

func TestRead(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "a")
	if err := os.WriteFile(path, []byte("abcd"), 0o644); err != nil {
		t.Fatal(err)
	}
	if content, err := Read(path, 4); err != nil || string(content) != "abcd" {
		t.Errorf("%q, %v", content, err)
	}
	for name, c := range map[string]struct {
		path string
		most int64
		says string
	}{
		"too large": {path, 3, "a has more than 3 bytes"},
		"a folder":  {dir, 4, "is not a regular file"},
		"a device":  {os.DevNull, 4, "is not a regular file"},
	} {
		if content, err := Read(c.path, c.most); err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %q, %v", name, content, err)
		}
		if file, _, err := Open(c.path, c.most); err == nil {
			file.Close()
			t.Errorf("%s was opened", name)
		}
	}
	if _, err := Read(path+"b", 4); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a missing file: %v", err)
	}
}

// archive is a zip file of so many empty entries.
func archive(t testing.TB, entries int) []byte {
	t.Helper()
	var file bytes.Buffer
	w := zip.NewWriter(&file)
	for i := range entries {
		if _, err := w.Create(fmt.Sprintf("folder/%d", i)); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return file.Bytes()
}

func TestZip(t *testing.T) {
	for entries, want := range map[int]error{0: nil, 100: nil, 101: ErrManyEntries, 50000: ErrManyEntries} {
		file := archive(t, entries)
		z, err := Zip(bytes.NewReader(file), int64(len(file)), 100)
		if !errors.Is(err, want) || err == nil && len(z.File) != entries {
			t.Errorf("%d entries: %v", entries, err)
		}
	}
	if z, err := Zip(strings.NewReader("no zip file"), 11, 100); !errors.Is(err, zip.ErrFormat) {
		t.Errorf("%v, %v", z, err)
	}
}

// TestLongZip: entries may be as long as they like, and a comment.
func TestLongZip(t *testing.T) {
	var file bytes.Buffer
	w := zip.NewWriter(&file)
	entry, err := w.CreateHeader(&zip.FileHeader{Name: "a"})
	if err == nil {
		_, err = entry.Write(make([]byte, 1<<20))
	}
	if err := errors.Join(err, w.SetComment(strings.Repeat("c", 1<<16-1)), w.Close()); err != nil {
		t.Fatal(err)
	}
	z, err := Zip(bytes.NewReader(file.Bytes()), int64(file.Len()), 1)
	if err != nil || len(z.File) != 1 {
		t.Fatalf("%v, %v", z, err)
	}
	r, err := z.File[0].Open()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if n, err := io.Copy(io.Discard, r); n != 1<<20 || err != nil {
		t.Errorf("%d bytes, %v", n, err)
	}
}

// TestEndlessList: a list of a million entries, which its end does not count, is not
// read to its end.
func TestEndlessList(t *testing.T) {
	const entries = 1 << 20
	head := binary.LittleEndian.AppendUint32(nil, 0x02014b50)
	file := bytes.Repeat(append(head, make([]byte, 42)...), entries)
	end := binary.LittleEndian.AppendUint32(nil, 0x06054b50)
	end = append(end, make([]byte, 18)...)
	binary.LittleEndian.PutUint32(end[12:], uint32(len(file)))
	file = append(file, end...)
	var err error
	alloctest.Within(t, 4<<20, func() { _, err = Zip(bytes.NewReader(file), int64(len(file)), 100) })
	if !errors.Is(err, ErrManyEntries) {
		t.Errorf("%v", err)
	}
}
