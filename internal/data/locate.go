package data

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// Locate tells whether dir, or the publisher's folder inside it, holds a data set,
// without reading it: nil if it does. Where it does not, or not all files of a text,
// the error satisfies errors.Is(err, fs.ErrNotExist). An embedded set is everywhere.
func Locate(name, dir string) error {
	set, err := find(name)
	if err != nil {
		return err
	}
	_, err = set.locate(dir)
	return err
}

// locate returns dir or the set's folder inside it, whichever holds the set; for an
// embedded set, which is in neither, dir.
func (s *dataSet) locate(dir string) (string, error) {
	if s.info.Embedded {
		return dir, nil
	}
	remedy := s.byHand
	if remedy == "" {
		remedy = "fetch the data set, or give the folder that holds its files"
	}
	if dir == "" {
		return "", fmt.Errorf("data: %s needs a folder: %s", s.info.Name, remedy)
	}
	for _, folder := range []string{dir, filepath.Join(dir, s.folder)} {
		for _, probe := range s.probes {
			there, err := s.has(folder, probe)
			if err != nil {
				return "", err
			}
			if there {
				return folder, s.complete(folder)
			}
		}
	}
	return "", fmt.Errorf("data: %s: no %s in %s or in its folder %s: %s (%w)",
		s.info.Name, s.probes[0], dir, s.folder, remedy, fs.ErrNotExist)
}

// complete refuses a folder that lacks one of the set's files.
func (s *dataSet) complete(folder string) error {
	for _, file := range s.files {
		there, err := s.has(folder, file)
		if err != nil {
			return err
		}
		if !there {
			return fmt.Errorf("data: %s: %s is missing in %s: get the file again, or fetch the data set into another folder (%w)", s.info.Name, file, folder, fs.ErrNotExist)
		}
	}
	return nil
}

// has tells whether a folder holds a file, plain or with the ending ".gz".
func (s *dataSet) has(folder, file string) (bool, error) {
	for _, ending := range []string{"", ".gz"} {
		_, err := os.Stat(filepath.Join(folder, file+ending))
		if err == nil {
			return true, nil
		}
		if !errors.Is(err, fs.ErrNotExist) {
			return false, fmt.Errorf("data: %s: cannot look into %s: %w", s.info.Name, folder, err)
		}
	}
	return false, nil
}
