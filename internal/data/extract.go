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

	"github.com/kafisto/kafisto/internal/atomicfile"
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
		err = extractZip(ctx, file, size, archive, root, folder, members, maxBytes)
	} else {
		err = extract(ctx, file, archive, root, folder, members, maxBytes)
	}
	if err != nil {
		return err
	}
	if err := atomicfile.SyncDir(dir); err != nil {
		return fmt.Errorf("data: cannot save what was unpacked: %w", err)
	}
	return nil
}

// extract unpacks folder/member for each member of the gzipped tar stream r
// into root as member, each under a temporary name until it is whole. An entry
// that leads outside or is neither a file nor a folder is an error, so is an
// archive that unpacks to more than maxBytes; other files in it are passed over.
func extract(ctx context.Context, r io.Reader, name string, root *os.Root, folder string, members []member, maxBytes int64) error {
	unpacked, err := gzip.NewReader(r)
	if err != nil {
		return fmt.Errorf("data: %s: not a gzip file (%w): fetch it again", name, err)
	}
	wanted := map[string]member{}
	for _, m := range members {
		wanted[folder+"/"+m.file] = m
	}
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
		key := path.Clean(header.Name)
		m, ok := wanted[key]
		if !ok || header.Typeflag != tar.TypeReg {
			continue
		}
		if header.Size != m.size {
			return fmt.Errorf("data: %s: its %s has %d bytes, want %d: this is not the data set's archive", name, m.file, header.Size, m.size)
		}
		if err := writeMember(root, m, archive); err != nil {
			return fmt.Errorf("data: %s: cannot unpack %s: %w", name, m.file, err)
		}
		delete(wanted, key)
	}
	for key := range wanted {
		return fmt.Errorf("data: %s: holds no %s: this is not the data set's archive", name, key)
	}
	return nil
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

// writeMember writes one member of exactly its size, and reads r to its end.
func writeMember(root *os.Root, m member, r io.Reader) (err error) {
	part := m.file + ".part"
	if err := root.Remove(part); err != nil && !os.IsNotExist(err) {
		return err
	}
	file, err := root.OpenFile(part, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			root.Remove(part)
		}
	}()
	n, err := io.Copy(file, io.LimitReader(r, m.size+1))
	if closeErr := syncAndClose(file); err == nil {
		err = closeErr
	}
	if err == nil && n != m.size {
		err = io.ErrUnexpectedEOF
	}
	if err != nil {
		return err
	}
	return root.Rename(part, m.file)
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
