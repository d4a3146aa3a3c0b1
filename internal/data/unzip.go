package data

import (
	"archive/zip"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"

	"github.com/kafisto/kafisto/internal/inputfile"
)

// extractZip unpacks folder/member for each member of a zip file of size bytes into
// root as member, as extract does with a tar file. The rules are the same.
func extractZip(ctx context.Context, r io.ReaderAt, size int64, name string, root *os.Root, folder string, members []member, maxBytes int64) error {
	archive, err := inputfile.Zip(r, size, maxEntries)
	switch {
	case errors.Is(err, inputfile.ErrManyEntries):
		return fmt.Errorf("data: %s: more than %d entries: this is not the data set's archive", name, maxEntries)
	case err != nil:
		return fmt.Errorf("data: %s: not a whole zip file (%w): fetch it again", name, err)
	}
	entries := map[string][]*zip.File{}
	for _, file := range archive.File {
		if mode := file.Mode(); !mode.IsRegular() && !mode.IsDir() || !filepath.IsLocal(filepath.FromSlash(path.Clean(file.Name))) {
			return fmt.Errorf("data: %s: its entry %q leads outside, or is a link or a device: this is not the data set's archive", name, file.Name)
		}
		key := path.Clean(file.Name)
		entries[key] = append(entries[key], file)
	}
	out := newUnpacking(root)
	defer out.discard()
	for _, m := range members {
		key := folder + "/" + m.file
		if len(entries[key]) > 1 {
			return twice(name, m)
		}
		if len(entries[key]) == 0 || !entries[key][0].Mode().IsRegular() {
			return fmt.Errorf("data: %s: holds no %s: this is not the data set's archive", name, key)
		}
		file := entries[key][0]
		if file.UncompressedSize64 > uint64(maxBytes) {
			return fmt.Errorf("data: %s: unpacks to far more than the data set: this is not its archive", name)
		}
		size := int64(file.UncompressedSize64)
		maxBytes -= size
		if m.size != 0 && m.size != size {
			return fmt.Errorf("data: %s: its %s has %d bytes, want %d: this is not the data set's archive", name, m.file, size, m.size)
		}
		if err := unzipMember(ctx, file, out, member{m.file, size}); err != nil {
			return fmt.Errorf("data: %s: cannot unpack %s: %w", name, m.file, err)
		}
	}
	return out.publish()
}

// unzipMember writes one entry.
func unzipMember(ctx context.Context, file *zip.File, out *unpacking, m member) error {
	unpacked, err := file.Open()
	if err != nil {
		return err
	}
	defer unpacked.Close()
	return out.write(m, &cappedReader{r: unpacked, left: m.size + 1, ctx: ctx})
}
