package data

import (
	"archive/zip"
	"bufio"
	"errors"
	"fmt"
	"io"

	"github.com/kafisto/kafisto/internal/inputfile"
)

// maxUnpacked is how many times its packed size an array may take in memory.
// Photographs deflate to little less than their size; far more is an archive
// made to fill the memory.
const maxUnpacked = 16

// npz is a NumPy archive, a zip file with one array a member.
type npz struct {
	name string // for errors
	size int64  // bytes of the whole file
	zip  *zip.Reader
}

// openNPZ reads the table of contents of r, which has size bytes.
func openNPZ(r io.ReaderAt, size int64, name string) (*npz, error) {
	archive, err := inputfile.Zip(r, size, maxEntries)
	if err != nil {
		return nil, fmt.Errorf("data: %s: not a whole npz file (%w): get it again", name, err)
	}
	return &npz{name, size, archive}, nil
}

// npzArray is an array of an archive. Only its head has been read.
type npzArray struct {
	npyHeader
	key     string
	archive *npz
	member  *zip.File
}

// array finds an array by its key and reads its head.
func (z *npz) array(key string) (*npzArray, error) {
	a := &npzArray{key: key, archive: z}
	for _, member := range z.zip.File {
		if member.Name != key+".npy" {
			continue
		}
		if a.member != nil {
			return nil, a.fail("is there twice")
		}
		a.member = member
	}
	if a.member == nil {
		return nil, a.fail("is missing")
	}
	r, err := a.member.Open()
	if err != nil {
		return nil, a.broken(err)
	}
	defer r.Close()
	if a.npyHeader, err = readNPYHeader(r); err != nil {
		return nil, a.broken(err)
	}
	if a.fortran {
		return nil, a.fail("is stored column by column (Fortran order), want row by row")
	}
	return a, nil
}

// fail is the error of an array that is not what it should be.
func (a *npzArray) fail(format string, args ...any) error {
	return fmt.Errorf("data: %s: its array %q %s: the file is damaged or of another data set",
		a.archive.name, a.key, fmt.Sprintf(format, args...))
}

// broken is the error of an array that cannot be read.
func (a *npzArray) broken(err error) error {
	if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	return fmt.Errorf("data: %s: its array %q cannot be read (%w): the file is cut short or damaged; get it again",
		a.archive.name, a.key, err)
}

// holds checks that the archive's table gives the member the size of the array's
// head and so many bytes of values, and a place inside the file.
func (a *npzArray) holds(values int64) error {
	want := uint64(a.bytes + values)
	switch packed := a.member.CompressedSize64; {
	case a.member.UncompressedSize64 != want:
		return a.fail("takes %d bytes, want %d", a.member.UncompressedSize64, want)
	case packed > uint64(a.archive.size):
		return a.fail("takes %d bytes of a file of %d", packed, a.archive.size)
	}
	return nil
}

// plausible refuses an array that unpacks to more than maxUnpacked times its
// size in the file.
func (a *npzArray) plausible() error {
	if packed := a.member.CompressedSize64; packed < a.member.UncompressedSize64/maxUnpacked {
		return a.fail("unpacks from %d to %d bytes, more than any photographs do", packed, a.member.UncompressedSize64)
	}
	return nil
}

// npzValues reads the values of an array one after the other.
type npzValues struct {
	array  *npzArray
	member io.ReadCloser
	r      *bufio.Reader
}

// values opens the array behind its head. Close it when done.
func (a *npzArray) values() (*npzValues, error) {
	member, err := a.member.Open()
	if err != nil {
		return nil, a.broken(err)
	}
	v := &npzValues{a, member, bufio.NewReaderSize(member, 1<<16)}
	if _, err := v.r.Discard(int(a.bytes)); err != nil {
		member.Close()
		return nil, a.broken(err)
	}
	return v, nil
}

// next fills b.
func (v *npzValues) next(b []byte) error {
	if _, err := io.ReadFull(v.r, b); err != nil {
		return v.array.broken(err)
	}
	return nil
}

// end checks that nothing follows, and with that the checksum.
func (v *npzValues) end() error {
	switch _, err := v.r.ReadByte(); {
	case err == nil:
		return v.array.fail("goes on after its last value")
	case !errors.Is(err, io.EOF):
		return v.array.broken(err)
	}
	return nil
}

// Close releases the member.
func (v *npzValues) Close() { v.member.Close() }
