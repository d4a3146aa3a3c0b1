// Package inputfile opens what others may have put in a file's place: regular files
// alone, on which a read cannot wait as on a pipe, of a limited size, and zip archives
// with a limited list of entries.
package inputfile

import (
	"archive/zip"
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
)

// Small is the most bytes that files of settings, notes and marks have.
const Small = 1 << 20

// Open opens a regular file of at most that many bytes for reading and returns its
// size. Links are followed. Without the file the error satisfies
// errors.Is(err, fs.ErrNotExist).
func Open(path string, most int64) (*os.File, int64, error) {
	info, err := os.Stat(path) // before opening: opening a pipe could wait for ever
	if err != nil {
		return nil, 0, err
	}
	if !info.Mode().IsRegular() {
		return nil, 0, fmt.Errorf("%s is not a regular file", path)
	}
	if info.Size() > most {
		return nil, 0, tooLarge(path, most)
	}
	file, err := os.Open(path)
	return file, info.Size(), err
}

// Read reads a file that Open opens. One that grows meanwhile is too large as well.
func Read(path string, most int64) ([]byte, error) {
	file, size, err := Open(path, most)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	var content bytes.Buffer
	content.Grow(int(size) + bytes.MinRead)
	if _, err := content.ReadFrom(io.LimitReader(file, most+1)); err != nil {
		return nil, err
	}
	if int64(content.Len()) > most {
		return nil, tooLarge(path, most)
	}
	return content.Bytes(), nil
}

func tooLarge(path string, most int64) error {
	return fmt.Errorf("%s has more than %d bytes", path, most)
}

// listRoom is how many bytes of an archive's list an entry may have on average, its
// name among them.
const listRoom = 256

// ErrManyEntries tells of an archive that lists more entries than may be.
var ErrManyEntries = errors.New("it lists too many entries")

// Zip reads the list of a zip archive of size bytes, which may have that many entries,
// else the error is ErrManyEntries. No more than so long a list is read. r goes on
// being read by the entries.
func Zip(r io.ReaderAt, size int64, entries int) (*zip.Reader, error) {
	const end = 1 << 18 // bytes that archive/zip reads to find the list
	limited := &limitedReader{r: r, left: end + listRoom*int64(entries)}
	archive, err := zip.NewReader(limited, size)
	if errors.Is(err, ErrManyEntries) || err == nil && len(archive.File) > entries {
		return nil, ErrManyEntries
	}
	limited.left = math.MaxInt64
	return archive, err
}

// limitedReader fails once so many bytes have been asked for.
type limitedReader struct {
	r    io.ReaderAt
	left int64 // math.MaxInt64 for no limit
}

func (l *limitedReader) ReadAt(p []byte, at int64) (int, error) {
	if l.left == math.MaxInt64 {
		return l.r.ReadAt(p, at)
	}
	if l.left -= int64(len(p)); l.left < 0 {
		return 0, ErrManyEntries
	}
	return l.r.ReadAt(p, at)
}
