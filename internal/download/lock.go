package download

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/gofrs/flock"
)

// Lock makes the folder dir if need be, and waits until no other process holds its
// lock, the file .fetch.lock in it.
func Lock(ctx context.Context, dir string) (unlock func(), err error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, fmt.Errorf("download: cannot make the folder, choose another one: %w", err)
	}
	lock := flock.New(filepath.Join(dir, ".fetch.lock"))
	if _, err := lock.TryLockContext(ctx, 100*time.Millisecond); err != nil {
		return nil, fmt.Errorf("download: cannot lock the folder %s: %w", dir, err)
	}
	return func() { lock.Unlock() }, nil
}
