package engine

import (
	"errors"
	"syscall"
	"testing"

	"github.com/kafisto/kafisto/internal/disktest"
)

// TestFullDisk lets the kernel refuse to write more than so many bytes of a file,
// while the plugin's archive is downloaded and while the plugin is unpacked: an error
// that says so, no file is left, and a later try works.
func TestFullDisk(t *testing.T) {
	if disktest.Alone(t) {
		return
	}
	archive := pack(t, "plugin_cpu.so", content)
	for name, limit := range map[string]int{
		"download":  len(archive) / 2,
		"unpacking": len(content) / 2, // more than the archive has
	} {
		t.Run(name, func(t *testing.T) {
			s := fakeSite(t, serve(archive))
			restore := disktest.Limit(t, uint64(limit))
			engine, err := s.open(t.Context(), Options{Choice: XLACPU})
			restore()
			wantError(t, err, "xla:cpu", s.folder)
			if !errors.Is(err, syscall.EFBIG) || engine != nil {
				t.Errorf("got %+v and the error %v, want that of a full disk", engine, err)
			}
			s.wantFiles(t)
			if _, err := s.open(t.Context(), Options{Choice: XLACPU}); err != nil {
				t.Errorf("the next try: %v", err)
			}
			s.wantFiles(t, "plugin_cpu.json", "plugin_cpu.so")
		})
	}
}
