// Package lockfile lets one process at a time work in a folder.
package lockfile

import (
	"errors"
	"fmt"
	"path/filepath"

	"github.com/gofrs/flock"
)

// Name is the lock file's name in the locked folder. The file stays when the
// lock is released; its presence means nothing.
const Name = "lock"

// ErrLocked is wrapped by the error of [Lock] when another process holds the lock.
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
