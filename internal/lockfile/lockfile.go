// Package lockfile lets one process at a time work in a folder.
package lockfile

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/gofrs/flock"
)

// Name is the lock file's name in the locked folder. The file stays when the
// lock is released; its presence means nothing.
const Name = "lock"

// ErrLocked is wrapped by the errors of [Lock] and [LockFile] when another process holds the lock.
var ErrLocked = errors.New("another process is working on it")

// Lock takes the lock of the folder dir, which must exist, or fails at once:
// it never waits. The operating system releases the lock when unlock is called
// and when the process ends, also by a crash. unlock may be called repeatedly.
func Lock(dir string) (unlock func(), err error) {
	lock := flock.New(filepath.Join(dir, Name))
	held, err := lock.TryLock()
	if err != nil {
		lock.Close()
		return nil, fmt.Errorf("lockfile: cannot lock folder %s: %w", dir, err)
	}
	if !held {
		lock.Close()
		return nil, fmt.Errorf("lockfile: folder %s is in use: %w; wait for it to end or choose another folder", dir, ErrLocked)
	}
	return func() { lock.Close() }, nil
}

// Watch returns a function that tells whether the lock file of a folder whose lock
// is held is still the one that was locked: one that was deleted or replaced locks
// nobody out.
func Watch(dir string) (check func() error, err error) {
	path := filepath.Join(dir, Name)
	locked, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("lockfile: cannot look at the lock: %w", err)
	}
	return func() error {
		if now, err := os.Stat(path); err != nil || !os.SameFile(locked, now) {
			return fmt.Errorf("lockfile: %s was deleted or replaced, so that another process may work in its folder: leave that file alone, and see that one process at most works there", path)
		}
		return nil
	}, nil
}

// LockFile takes the lock of a file that is nothing but a lock, and is made where it
// is missing. It waits for it at most that long, and is for what takes a moment. For
// the rest see [Lock].
func LockFile(path string, wait time.Duration) (unlock func(), err error) {
	lock := flock.New(path)
	ctx, cancel := context.WithTimeout(context.Background(), wait)
	defer cancel()
	switch _, err := lock.TryLockContext(ctx, 20*time.Millisecond); {
	case errors.Is(err, context.DeadlineExceeded):
		lock.Close()
		return nil, fmt.Errorf("lockfile: %s is locked: %w; try again when it has ended", path, ErrLocked)
	case err != nil:
		lock.Close()
		return nil, fmt.Errorf("lockfile: cannot lock %s: %w", path, err)
	}
	return func() { lock.Close() }, nil
}
