package data

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
)

// openRegular opens a regular file for reading and returns its size in bytes.
func openRegular(path string) (*os.File, int64, error) {
	info, err := os.Stat(path) // before opening: opening a pipe could wait for ever
	if err != nil {
		return nil, 0, fmt.Errorf("data: cannot open the file: %w", err)
	}
	if !info.Mode().IsRegular() {
		return nil, 0, fmt.Errorf("data: %s is not a regular file: give the folder of the data set's files", path)
	}
	file, err := os.Open(path)
	if err != nil {
		return nil, 0, fmt.Errorf("data: cannot open the file: %w", err)
	}
	return file, info.Size(), nil
}

// openPlainOrGzip opens path or, where there is none, path with the ending ".gz",
// and returns which.
func openPlainOrGzip(path string) (*os.File, string, error) {
	file, _, err := openRegular(path)
	if errors.Is(err, fs.ErrNotExist) {
		if packed, _, err := openRegular(path + ".gz"); !errors.Is(err, fs.ErrNotExist) {
			return packed, path + ".gz", err
		}
	}
	return file, path, err
}

// syncAndClose makes a written file last.
func syncAndClose(file *os.File) error {
	err := file.Sync()
	if closeErr := file.Close(); err == nil {
		err = closeErr
	}
	return err
}
