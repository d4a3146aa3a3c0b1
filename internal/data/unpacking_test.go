package data

import (
	"bytes"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestDamageOfWhatWasUnpacked flips a bit of a file that Fetch has unpacked.
func TestDamageOfWhatWasUnpacked(t *testing.T) {
	archive := tarball(t, entry{"set/a.bin", "aaa", 0}, entry{"set/b.bin", "bbbb", 0})
	set := serve(t, func(w http.ResponseWriter, _ *http.Request) { w.Write(archive) })
	set.members = testMembers
	set.sources[0].Size, set.sources[0].SHA256 = int64(len(archive)), sumOf(archive)
	set.info.Height, set.info.Width, set.info.Channels = 1, 1, 1
	set.probes = []string{"a.bin"}
	read := false
	set.load = func(*dataSet, string) (train, test *Images, err error) {
		read = true
		return nil, nil, errors.New("read")
	}
	dir, err := set.fetch(t.Context(), t.TempDir(), FetchOptions{})
	if err != nil {
		t.Fatal(err)
	}
	damaged, sums := filepath.Join(dir, "a.bin"), filepath.Join(dir, sumsFile)
	if _, _, err := set.read(dir); !read {
		t.Errorf("what was unpacked is not read: %v", err)
	}
	noted, err := os.ReadFile(sums)
	if err != nil || !bytes.Contains(noted, []byte(sumOf([]byte("bbbb"))+"  b.bin\n")) {
		t.Errorf("%s holds %q, %v", sumsFile, noted, err)
	}

	read = false
	if err := os.WriteFile(damaged, []byte("aca"), 0o644); err != nil {
		t.Fatal(err)
	}
	_, _, err = set.read(dir)
	wantError(t, err, damaged, "not as it was unpacked", "move it away")
	os.Remove(damaged)
	if _, err := set.fetch(t.Context(), filepath.Dir(dir), FetchOptions{Offline: true}); err != nil {
		t.Errorf("a damaged file is not unpacked again: %v", err)
	}
	if again, err := os.ReadFile(sums); err != nil || !bytes.Equal(again, noted) || read {
		t.Errorf("%s then holds %q, %v; read: %v", sumsFile, again, err, read)
	}

	for _, text := range []string{"no sums\n", strings.ToUpper(string(noted[:70])) + "\n" + "zz  b.bin", strings.Repeat(string(noted), maxSums/20)} {
		if err := os.WriteFile(sums, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		_, _, err = set.read(dir)
		wantError(t, err, sums, "delete it")
	}
	os.Remove(sums) // of files that somebody else has unpacked none are known
	if _, _, err := set.read(dir); !read {
		t.Errorf("without the sums: %v", err)
	}
}
