package data

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"github.com/gofrs/flock"
)

// maxExtra is what an archive may hold besides the data set's own files, in bytes.
const maxExtra = 16 << 20

// FetchOptions changes how Fetch downloads. The zero value is ready for use.
type FetchOptions struct {
	// Client makes the requests; nil means http.DefaultClient.
	Client *http.Client
	// Stall is how long a server may send nothing; 0 means 30 seconds.
	Stall time.Duration
	// Retries is how often a broken or stalled download is taken up again where
	// it stopped; 0 means never. An answer that is wrong (not found, an HTML
	// page, a wrong checksum) is not asked for again.
	Retries int
	// Offline refuses what would need the network.
	Offline bool
	// Progress is called now and then with a file's name and the bytes so far
	// and in all; nil means no reports.
	Progress func(file string, done, total int64)
}

// Fetch makes sure that cacheDir holds the data set and returns the folder to
// give to Load. What is there already is not downloaded again.
//
// Files come from the publishers and must have the pinned size and SHA-256.
// A download goes to a file ending in .part, which a later Fetch takes up where
// it stopped, and gets its name once it is whole and checked. Archives stay in
// the cache, so that a copy put there by hand serves as well; of them only the
// data set's own files are unpacked. A file in the cache that is not the
// published one is never overwritten or deleted: it is an error.
//
// An embedded set needs no folder: the answer is "". A set that its publisher
// gives to registered people only is not downloaded: cacheDir has it, or the
// error says how to get it.
//
// Two processes may fetch into one folder: one waits for the other.
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

// File is a published file that is no data set.
type File struct {
	URL    string
	Name   string // in the cache
	Size   int64  // bytes
	SHA256 string // lower-case hexadecimal
}

// FetchFile makes sure that the folder dir, which is made if need be, holds a file, and returns its path.
// It downloads, checks and resumes as Fetch does, and leaves a file of that name that is another alone.
func FetchFile(ctx context.Context, file File, dir string, options FetchOptions) (path string, err error) {
	if err := options.check(); err != nil {
		return "", err
	}
	unlock, err := lockCache(ctx, dir)
	if err != nil {
		return "", err
	}
	defer unlock()
	path = filepath.Join(dir, file.Name)
	return path, source{url: file.URL, file: file.Name, size: file.Size, sha256: file.SHA256}.fetch(ctx, path, options)
}

// check refuses times and numbers that cannot be.
func (o FetchOptions) check() error {
	if o.Stall < 0 || o.Retries < 0 {
		return fmt.Errorf("data: a stall time of %v and %d retries: give 0 or more of both", o.Stall, o.Retries)
	}
	return nil
}

// lockCache makes a cache folder and waits until nobody else fetches into it.
func lockCache(ctx context.Context, dir string) (unlock func(), err error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, fmt.Errorf("data: cannot make the cache folder, choose another one: %w", err)
	}
	lock := flock.New(filepath.Join(dir, ".fetch.lock"))
	if _, err := lock.TryLockContext(ctx, 100*time.Millisecond); err != nil {
		return nil, fmt.Errorf("data: cannot lock the cache folder %s: %w", dir, err)
	}
	return func() { lock.Unlock() }, nil
}

func (s *dataSet) fetch(ctx context.Context, cacheDir string, options FetchOptions) (string, error) {
	if cacheDir == "" {
		return "", fmt.Errorf("data: %s needs a cache folder to be fetched to: give one", s.info.Name)
	}
	if err := options.check(); err != nil {
		return "", err
	}
	if s.byHand != "" {
		return s.locate(cacheDir)
	}
	dir := filepath.Join(cacheDir, s.folder)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", fmt.Errorf("data: cannot make the cache folder, choose another one: %w", err)
	}
	unlock, err := lockCache(ctx, cacheDir)
	if err != nil {
		return "", err
	}
	defer unlock()

	if len(s.members) == 0 {
		for _, src := range s.sources {
			if err := src.fetch(ctx, filepath.Join(dir, src.file), options); err != nil {
				return "", err
			}
		}
		return dir, nil
	}
	missing, err := missingMembers(dir, s.members)
	if err != nil || len(missing) == 0 {
		return dir, err
	}
	archive := filepath.Join(cacheDir, s.sources[0].file)
	if err := s.sources[0].fetch(ctx, archive, options); err != nil {
		return "", err
	}
	maxBytes := int64(maxExtra)
	for _, m := range s.members {
		maxBytes += m.size
	}
	return dir, extractFile(ctx, archive, dir, s.folder, missing, maxBytes)
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
