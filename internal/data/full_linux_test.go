package data

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"syscall"
	"testing"

	"github.com/kafisto/kafisto/internal/disktest"
)

// TestFullDisk lets the kernel refuse to write more than so many bytes of a file,
// while a file is downloaded and while an archive is unpacked: an error, no file of
// the final name, and a later try works.
func TestFullDisk(t *testing.T) {
	if disktest.Alone(t) {
		return
	}
	plain := serve(t, whole)
	large := strings.Repeat("a", 100_000) // small in the archive
	archive := tarball(t, entry{"set/a.bin", large, 0}, entry{"set/b.bin", "bbbb", 0})
	packed := serve(t, func(w http.ResponseWriter, _ *http.Request) { w.Write(archive) })
	packed.members = []member{{"a.bin", int64(len(large))}, {"b.bin", 4}}
	packed.sources[0].Size, packed.sources[0].SHA256 = int64(len(archive)), sumOf(archive)
	for name, c := range map[string]struct {
		set   *dataSet
		limit uint64
		final string
	}{
		"download":  {plain, 100_000, "set/file.gz"},
		"unpacking": {packed, 10_000, "set/a.bin"},
	} {
		t.Run(name, func(t *testing.T) {
			cache := t.TempDir()
			restore := disktest.Limit(t, c.limit)
			_, err := c.set.fetch(context.Background(), cache, FetchOptions{})
			restore()
			if !errors.Is(err, syscall.EFBIG) {
				t.Errorf("error %v, want that of a full disk", err)
			}
			for _, path := range tree(t, cache) {
				if path == c.final {
					t.Error("a file with the final name was left")
				}
			}
			if _, err := c.set.fetch(context.Background(), cache, FetchOptions{}); err != nil {
				t.Errorf("the second try: %v", err)
			}
		})
	}
}
