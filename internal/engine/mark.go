package engine

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/kafisto/kafisto/internal/atomicfile"
	"github.com/kafisto/kafisto/internal/inputfile"
)

// mark is what stands beside an installed plugin, in JSON: the content that
// was verified when it was installed and what the file looked like then.
type mark struct {
	Package  string `json:"package"`
	Version  string `json:"version"`
	SHA256   string `json:"sha256"`
	Size     int64  `json:"size"`
	Modified string `json:"modified"` // RFC 3339 with nanoseconds, UTC
}

func markPath(plugin string) string {
	return strings.TrimSuffix(plugin, filepath.Ext(plugin)) + ".json"
}

// verify says whether the plugin at path is the pinned one. Reading 200 MB at
// every start would be slow, so a file with the size and time of its mark is
// believed; any other is read and, when right, marked again.
func (w *wheel) verify(ctx context.Context, path string) error {
	info, err := os.Stat(path)
	if err != nil {
		return fmt.Errorf("plugin %s cannot be read: %w", path, err)
	}
	if info.Size() != w.fileSize {
		return fmt.Errorf("plugin %s is damaged or of another version (%d bytes, not %d)", path, info.Size(), w.fileSize)
	}
	want := w.markOf(info)
	if got, err := readMark(path); err == nil && got == want {
		return nil
	}
	sum, err := hashFile(ctx, path)
	if err != nil {
		return fmt.Errorf("plugin %s cannot be read: %w", path, err)
	}
	if sum != w.fileSHA256 {
		return fmt.Errorf("plugin %s is damaged or of another version (SHA-256 %s, not %s)", path, sum, w.fileSHA256)
	}
	_ = want.write(path) // only saves time; the folder may be read-only
	return nil
}

func (w *wheel) markOf(info os.FileInfo) mark {
	return mark{w.name, w.version, w.fileSHA256, info.Size(), info.ModTime().UTC().Format(time.RFC3339Nano)}
}

func readMark(plugin string) (mark, error) {
	var m mark
	text, err := inputfile.Read(markPath(plugin), inputfile.Small)
	if err == nil {
		err = json.Unmarshal(text, &m)
	}
	return m, err
}

func (m mark) write(plugin string) error {
	text, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		return err
	}
	return atomicfile.WriteBytes(markPath(plugin), append(text, '\n'))
}
