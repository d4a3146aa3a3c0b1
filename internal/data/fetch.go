package data

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/kafisto/kafisto/internal/download"
)

// maxExtra is what an archive may hold besides the data set's own files, in bytes.
const maxExtra = 16 << 20

// FetchOptions changes how Fetch downloads. The zero value is ready for use.
type FetchOptions = download.Options

// Fetch makes sure that cacheDir holds the data set and returns the folder to
// give to Load. What is there already is not downloaded again.
//
// Files come from the publishers and must have the pinned size and SHA-256.
// A download goes to a file .NAME.kafisto-part, which a later Fetch takes up where
// it stopped, and gets its name once it is whole and checked. Archives stay in
// the cache, so that a copy put there by hand serves as well; of them only the
// data set's own files are unpacked, and their sums are noted in a file
// kafisto.sha256, by which Load knows them. A file in the cache that is not the
// published one is never overwritten or deleted: it is an error.
//
// An embedded set needs no folder: the answer is "". A set that its publisher
// gives to registered people only is not downloaded: cacheDir has it, or the
// error says how to get it.
//
// Two processes may fetch into one folder: one waits for the other. A folder that
// holds the whole set may be read-only.
func Fetch(ctx context.Context, name, cacheDir string, options FetchOptions) (dir string, err error) {
	set, err := find(name)
	if err != nil {
		return "", err
	}
	if set.info.Embedded {
		return "", nil
	}
	return set.fetch(ctx, cacheDir, options)
}

// File is a published file.
type File = download.File

// FetchFile makes sure that the folder dir, which is made if need be, holds a file, and returns its path.
// It downloads, checks and resumes as Fetch does, and leaves a file of that name that is another alone.
func FetchFile(ctx context.Context, file File, dir string, options FetchOptions) (path string, err error) {
	if err := options.Check(); err != nil {
		return "", fmt.Errorf("data: %w", err)
	}
	there, err := file.In(dir, options)
	if err != nil {
		return "", fmt.Errorf("data: %w", err)
	}
	if there {
		return filepath.Join(dir, file.Name), nil
	}
	unlock, err := download.Lock(ctx, dir)
	if err != nil {
		return "", fmt.Errorf("data: %w", err)
	}
	defer unlock()
	return fetchFile(ctx, file, dir, options)
}

// fetchFile downloads into a folder that is locked.
func fetchFile(ctx context.Context, file File, dir string, options FetchOptions) (string, error) {
	path, err := download.Fetch(ctx, file, dir, options)
	if err != nil {
		return "", fmt.Errorf("data: %w", err)
	}
	return path, nil
}

func (s *dataSet) fetch(ctx context.Context, cacheDir string, options FetchOptions) (string, error) {
	if cacheDir == "" {
		return "", fmt.Errorf("data: %s needs a cache folder to be fetched to: give one", s.info.Name)
	}
	if err := options.Check(); err != nil {
		return "", fmt.Errorf("data: %w", err)
	}
	if s.byHand != "" {
		return s.locate(cacheDir)
	}
	dir := filepath.Join(cacheDir, s.folder)
	if whole, err := s.whole(dir, options); whole || err != nil {
		return dir, err
	}
	unlock, err := download.Lock(ctx, cacheDir)
	if err != nil {
		return "", fmt.Errorf("data: %w", err)
	}
	defer unlock()
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", fmt.Errorf("data: cannot make the cache folder, choose another one: %w", err)
	}
	if len(s.members) == 0 {
		for _, src := range s.sources {
			if _, err := fetchFile(ctx, src, dir, options); err != nil {
				return "", err
			}
		}
		return dir, nil
	}
	return dir, s.fetchMembers(ctx, cacheDir, dir, options)
}

// whole tells whether a folder holds all of the set, without changing it. A file
// that is another is an error.
func (s *dataSet) whole(dir string, options FetchOptions) (bool, error) {
	if len(s.members) > 0 {
		missing, err := missingMembers(dir, s.members)
		return err == nil && len(missing) == 0, err
	}
	for _, src := range s.sources {
		if there, err := src.In(dir, options); err != nil {
			return false, fmt.Errorf("data: %w", err)
		} else if !there {
			return false, nil
		}
	}
	return true, nil
}

// fetchMembers unpacks what dir lacks from the archive, which it downloads if need be.
func (s *dataSet) fetchMembers(ctx context.Context, cacheDir, dir string, options FetchOptions) error {
	missing, err := missingMembers(dir, s.members) // again: another process may have been here
	if err != nil || len(missing) == 0 {
		return err
	}
	archive, err := fetchFile(ctx, s.sources[0], cacheDir, options)
	if err != nil {
		return err
	}
	maxBytes := int64(maxExtra)
	for _, m := range s.members {
		maxBytes += m.size
	}
	return extractFile(ctx, archive, dir, s.folder, missing, maxBytes)
}

// missingMembers lists the members that dir lacks. One of another size, or no file
// at all, is an error, for it may be the user's own.
func missingMembers(dir string, members []member) (missing []member, err error) {
	for _, m := range members {
		path := filepath.Join(dir, m.file)
		info, err := os.Stat(path)
		switch {
		case os.IsNotExist(err):
			missing = append(missing, m)
		case err != nil:
			return nil, fmt.Errorf("data: cannot look into the cache: %w", err)
		case !info.Mode().IsRegular():
			return nil, fmt.Errorf("data: %s is not a file: move it away and fetch again", path)
		case m.size != 0 && info.Size() != m.size:
			return nil, fmt.Errorf("data: %s is not a file of %d bytes, as the published one is: move it away and fetch again", path, m.size)
		}
	}
	return missing, nil
}
