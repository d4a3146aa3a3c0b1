package download

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/kafisto/kafisto/internal/atomicfile"
)

// maxTag is how long a tag may be, in bytes.
const maxTag = 4 << 10

// part is a download that is not whole: the first bytes of a file, and beside them a
// tag with the file's pinned SHA-256 and what the server calls its version of it.
type part struct {
	path, tag string
	file      File
}

// part names what a folder may hold of the file.
func (f File) part(dir string) part {
	hidden := filepath.Join(dir, "."+strings.TrimPrefix(f.Name, "."))
	return part{hidden + ".kafisto-part", hidden + ".kafisto-tag", f}
}

// have returns how many bytes are there to go on from, and the server's name of the
// version that they are of. Without a right tag it is none of them: the rest might be
// another version's.
func (p part) have() (size int64, validator string, err error) {
	if size, err = sizeOf(p.path); err != nil {
		return 0, "", err
	}
	tagSize, err := sizeOf(p.tag)
	if err != nil || size == 0 || size > p.file.Size || tagSize == 0 || tagSize > maxTag {
		return 0, "", err
	}
	text, err := os.ReadFile(p.tag)
	if err != nil {
		return 0, "", err
	}
	sum, validator, _ := strings.Cut(string(text), "\n")
	if sum != p.file.SHA256 || validator == "" {
		return 0, "", nil
	}
	return size, validator, nil
}

// begin opens an empty file, in place of what is there. Whenever the process is
// killed, the tag is not beside bytes of another version.
func (p part) begin(validator string) (*os.File, error) {
	if err := p.remove(); err != nil {
		return nil, err
	}
	if tag := p.file.SHA256 + "\n" + validator; validator != "" && len(tag) <= maxTag {
		if err := atomicfile.WriteBytes(p.tag, []byte(tag)); err != nil {
			return nil, err
		}
	}
	return os.OpenFile(p.path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, atomicfile.Mode)
}

// resume opens what is there to append to it.
func (p part) resume() (*os.File, error) {
	looked, err := os.Lstat(p.path)
	if err != nil {
		return nil, err
	}
	file, err := os.OpenFile(p.path, os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		return nil, err
	}
	if opened, err := file.Stat(); err != nil || !os.SameFile(looked, opened) {
		return nil, errors.Join(err, file.Close(), fmt.Errorf("%s is a link: move it away and try again", p.path))
	}
	return file, nil
}

// tidy removes what nothing can go on from.
func (p part) tidy() {
	if size, _, err := p.have(); err == nil && size == 0 {
		_ = p.remove()
	}
}

// remove removes what is there: first the bytes, then their tag.
func (p part) remove() error {
	for _, path := range []string{p.path, p.tag} {
		if _, err := sizeOf(path); err != nil {
			return err
		}
		if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}

// sizeOf returns the size of a file of ours, 0 where there is none. What is no regular
// file, a link among others, is somebody else's: an error.
func sizeOf(path string) (int64, error) {
	info, err := os.Lstat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return 0, nil
	case err != nil:
		return 0, err
	case !info.Mode().IsRegular():
		return 0, fmt.Errorf("%s is in the way and not a regular file: move it away and try again", path)
	}
	return info.Size(), nil
}
