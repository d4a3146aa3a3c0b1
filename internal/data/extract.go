package data

import (
	"archive/tar"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
)

// maxEntries is how many entries an archive may have.
const maxEntries = 1000

// extractFile unpacks members of a gzipped tar file, or of a zip file (by its
// ending), into dir; maxBytes is as for extract.
func extractFile(ctx context.Context, archive, dir, folder string, members []member, maxBytes int64) error {
	file, size, err := openRegular(archive)
	if err != nil {
		return err
	}
	defer file.Close()
	root, err := os.OpenRoot(dir)
	if err != nil {
		return fmt.Errorf("data: cannot open the cache folder: %w", err)
	}
	defer root.Close()
	if filepath.Ext(archive) == ".zip" {
		return extractZip(ctx, file, size, archive, root, folder, members, maxBytes)
	}
	return extract(ctx, file, archive, root, folder, members, maxBytes)
}

// extract unpacks folder/member for each member of the gzipped tar stream r
// into root as member, each under a temporary name until all are whole. An entry
// that leads outside or is neither a file nor a folder is an error, so is an
// archive that has a member twice or unpacks to more than maxBytes; other files in it
// are passed over.
func extract(ctx context.Context, r io.Reader, name string, root *os.Root, folder string, members []member, maxBytes int64) error {
	unpacked, err := gzip.NewReader(r)
	if err != nil {
		return fmt.Errorf("data: %s: not a gzip file (%w): fetch it again", name, err)
	}
	wanted := map[string]member{}
	for _, m := range members {
		wanted[folder+"/"+m.file] = m
	}
	out := newUnpacking(root)
	defer out.discard()
	archive := tar.NewReader(&cappedReader{r: unpacked, left: maxBytes, ctx: ctx})
	for entries := 0; ; entries++ {
		header, err := archive.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return fmt.Errorf("data: %s: cannot unpack: %w", name, err)
		}
		if entries >= maxEntries {
			return fmt.Errorf("data: %s: more than %d entries: this is not the data set's archive", name, maxEntries)
		}
		if err := checkEntry(header); err != nil {
			return fmt.Errorf("data: %s: %w: this is not the data set's archive", name, err)
		}
		m, ok := wanted[path.Clean(header.Name)]
		if !ok || header.Typeflag != tar.TypeReg {
			continue
		}
		if out.has(m) {
			return twice(name, m)
		}
		if header.Size != m.size {
			return fmt.Errorf("data: %s: its %s has %d bytes, want %d: this is not the data set's archive", name, m.file, header.Size, m.size)
		}
		if err := out.write(m, archive); err != nil {
			return fmt.Errorf("data: %s: cannot unpack %s: %w", name, m.file, err)
		}
	}
	for _, m := range members {
		if !out.has(m) {
			return fmt.Errorf("data: %s: holds no %s/%s: this is not the data set's archive", name, folder, m.file)
		}
	}
	return out.publish()
}

// twice refuses an archive whose reader decides what a member holds.
func twice(name string, m member) error {
	return fmt.Errorf("data: %s: holds %s twice: this is not the data set's archive", name, m.file)
}

// checkEntry allows regular files and folders that lie inside the archive.
func checkEntry(header *tar.Header) error {
	if header.Typeflag != tar.TypeReg && header.Typeflag != tar.TypeDir && header.Typeflag != tar.TypeXGlobalHeader {
		return fmt.Errorf("its entry %q is a link or a device", header.Name)
	}
	if header.Typeflag != tar.TypeXGlobalHeader && !filepath.IsLocal(filepath.FromSlash(header.Name)) {
		return fmt.Errorf("its entry %q leads outside", header.Name)
	}
	return nil
}

// cappedReader fails, rather than ends, after so many bytes, and when ctx ends.
type cappedReader struct {
	r    io.Reader
	left int64
	ctx  context.Context
}

func (c *cappedReader) Read(p []byte) (int, error) {
	if err := c.ctx.Err(); err != nil {
		return 0, err
	}
	if c.left <= 0 {
		return 0, errors.New("it unpacks to far more than the data set: this is not its archive")
	}
	n, err := c.r.Read(p[:min(int64(len(p)), c.left)])
	c.left -= int64(n)
	return n, err
}
