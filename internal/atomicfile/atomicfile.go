// Package atomicfile writes files that are never half there: a reader sees the
// old content or the new, also after a crash or on a full disk.
package atomicfile

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
	"time"
)

// Mode is the permission of new files written here, before the process's umask.
const Mode fs.FileMode = 0o644

// Write makes the file at path hold what write writes to its argument. The
// content goes to a temporary file in the same folder, is flushed to disk and
// then renamed to path; the folder is flushed too, so that the name survives a
// crash. The folder must exist.
//
// On an error (of write, a full disk, an unwritable folder) the temporary file
// is removed, an existing file at path is left as it was, and a new one does
// not appear.
//
// An existing file's permission is kept. A symbolic link to a file is replaced by a
// file of its permission, not followed. Anything else at path, such as a device, a
// folder or a link to either, is refused and stays.
func Write(path string, write func(w io.Writer) error) error {
	temp, err := createTemp(path)
	if err != nil {
		return fail(path, err)
	}
	renamed := false
	defer func() { // also when write panics
		temp.Close()
		if !renamed {
			os.Remove(temp.Name())
		}
	}()
	if err := write(temp); err != nil {
		return fail(path, err)
	}
	if err := temp.Sync(); err != nil {
		return fail(path, err)
	}
	if err := temp.Close(); err != nil {
		return fail(path, err)
	}
	if err := os.Rename(temp.Name(), path); err != nil {
		return fail(path, err)
	}
	renamed = true
	return SyncDir(filepath.Dir(path))
}

// WriteBytes makes the file at path hold data. See [Write].
func WriteBytes(path string, data []byte) error {
	return Write(path, func(w io.Writer) error {
		_, err := w.Write(data)
		return err
	})
}

// MkdirAll makes the folder dir and those above it that are missing, and flushes the
// names of all that it has made to disk, so that they survive a crash.
func MkdirAll(dir string) error {
	above := filepath.Dir(dir)
	if info, err := os.Stat(dir); above == dir || err == nil && info.IsDir() {
		return nil
	}
	if err := MkdirAll(above); err != nil {
		return err
	}
	if err := os.Mkdir(dir, 0o755); err != nil && !errors.Is(err, fs.ErrExist) { // another process may have made it
		return fmt.Errorf("atomicfile: cannot make folder %s: %w", dir, cause(err))
	}
	if info, err := os.Stat(dir); err != nil || !info.IsDir() {
		return fmt.Errorf("atomicfile: cannot make folder %s: there is a file of that name", dir)
	}
	return syncDir(above)
}

// syncDir is SyncDir, for tests that look what is flushed.
var syncDir = SyncDir

// SyncDir flushes the names in a folder to disk. It does nothing on Windows,
// where folders cannot be flushed.
func SyncDir(dir string) error {
	if runtime.GOOS == "windows" {
		return nil
	}
	d, err := os.Open(dir)
	if err != nil {
		return fmt.Errorf("atomicfile: cannot flush folder %s: %w", dir, cause(err))
	}
	defer d.Close()
	if err := d.Sync(); err != nil {
		return fmt.Errorf("atomicfile: cannot flush folder %s: %w", dir, cause(err))
	}
	return nil
}

// createTemp creates a new file beside path, with the permission of what it is to
// replace.
func createTemp(path string) (*os.File, error) {
	mode, err := replaced(path)
	if err != nil {
		return nil, err
	}
	f, err := createNew(path)
	if err != nil || mode == 0 {
		return f, err
	}
	info, err := f.Stat()
	if err == nil && info.Mode().Perm() != mode {
		err = f.Chmod(mode)
	}
	if err != nil {
		return nil, errors.Join(err, f.Close(), os.Remove(f.Name()))
	}
	return f, nil
}

// replaced returns the permission of the file at path, 0 where there is none.
// What is no file, or a link to one, is not to be replaced: an error.
func replaced(path string) (fs.FileMode, error) {
	if _, err := os.Lstat(path); errors.Is(err, fs.ErrNotExist) {
		return 0, nil
	}
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return 0, errors.New("there is a link that leads nowhere: remove it, or name another file")
	case err != nil:
		return 0, err
	case !info.Mode().IsRegular():
		return 0, errors.New("what is there is not a file: name another one")
	}
	return info.Mode().Perm(), nil
}

// createNew creates a new file beside path under a name that nobody has.
func createNew(path string) (*os.File, error) {
	dir, base := filepath.Split(path)
	for range 100 {
		name := dir + "." + base + ".tmp-" + strconv.FormatUint(rand.Uint64(), 36)
		f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, Mode)
		if !errors.Is(err, fs.ErrExist) {
			return f, err
		}
	}
	return nil, errors.New("no free name for a temporary file")
}

// fail names the file that the caller asked for, not the temporary one.
func fail(path string, err error) error {
	return fmt.Errorf("atomicfile: cannot write %s: %w", path, cause(err))
}

// cause strips the operation and path that package os puts before the reason.
func cause(err error) error {
	switch e := err.(type) {
	case *fs.PathError:
		return e.Err
	case *os.LinkError:
		return e.Err
	}
	return err
}

// tempName is the form of createTemp's names, and of those that os.CreateTemp and
// os.MkdirTemp make of a pattern like ".NAME.tmp-*".
var tempName = regexp.MustCompile(`^\..+\.tmp-[0-9a-z]+$`)

// staleAfter is how long nobody has written to what a killed process has left.
const staleAfter = 24 * time.Hour

// Stale tells whether an entry of a folder is what a killed process has left: it has
// a temporary file's name, and nobody has written to it for a day.
func Stale(entry fs.DirEntry) bool {
	if !tempName.MatchString(entry.Name()) {
		return false
	}
	info, err := entry.Info()
	return err == nil && time.Since(info.ModTime()) > staleAfter
}

// Sweep removes the temporary files that killed processes have left in a folder, see
// [Stale], as far as it can: they do no harm.
func Sweep(dir string) {
	entries, _ := os.ReadDir(dir)
	for _, entry := range entries {
		if entry.Type().IsRegular() && Stale(entry) {
			_ = os.Remove(filepath.Join(dir, entry.Name()))
		}
	}
}
