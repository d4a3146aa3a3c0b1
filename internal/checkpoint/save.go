package checkpoint

import (
	"bufio"
	"bytes"
	"cmp"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"time"

	"github.com/gomlx/gomlx/ml/model"

	"github.com/kafisto/kafisto/internal/atomicfile"
)

// ErrNotPruned is wrapped by the error of [Save] when the checkpoint is saved
// but an older one could not be deleted.
var ErrNotPruned = errors.New("an older checkpoint could not be deleted")

// reached is called between the steps of Save, for tests that crash there.
var reached = func(point string) {}

// syncDir flushes a folder's names to disk; tests look at it.
var syncDir = atomicfile.SyncDir

// Save saves the store and meta as a checkpoint in the folder dir, which it
// creates where needed, and returns the checkpoint's path. When it returns
// without an error the checkpoint outlives a power cut. Only then the older ones
// are deleted, but for the last two that are not for a stop alone (meta.Stop), this
// one among them, and those that one of these names as the best.
//
// A variable that is not finite ([ErrNotFinite]) or has no value yet, a full
// disk and wrong meta are errors; what was saved before then is untouched. With
// [ErrNotPruned] the checkpoint is saved all the same and its path returned.
//
// Where dir holds a checkpoint of the same step, an identical one is kept and
// its path returned; beside any other the new one gets the next revision's name.
func Save(dir string, store *model.Store, meta Meta) (path string, err error) {
	fail := func(err error) (string, error) {
		return "", fmt.Errorf("checkpoint: step %d not saved: %w", meta.Step, err)
	}
	if err := meta.check(); err != nil {
		return fail(err)
	}
	variables, err := describe(store)
	if err != nil {
		return fail(err)
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fail(err)
	}
	if err := syncDir(filepath.Dir(dir)); err != nil { // it may be new
		return fail(err)
	}
	stale := removeStale(dir) // first, as the disk may be full of it
	staging, err := makeStaging(dir)
	if err != nil {
		return fail(err)
	}
	m := &Manifest{
		Format: Format, Meta: meta, Variables: variables,
		Created: time.Now().UTC().Truncate(time.Second), Go: runtime.Version(), GoMLX: GoMLXVersion(),
	}
	if err := fill(staging, store, m); err != nil {
		removeOurs(staging)
		return fail(err)
	}
	path, err = publish(dir, staging, m)
	if err != nil {
		removeOurs(staging)
		return fail(err)
	}
	note(path, true)
	reached("pruning")
	if err := cmp.Or(prune(dir, filepath.Base(path), meta.Stop), stale); err != nil {
		return path, fmt.Errorf("checkpoint: step %d is saved, but %w: %w", meta.Step, ErrNotPruned, err)
	}
	return path, nil
}

// fill writes the files of a checkpoint to the staging folder, down to the disk,
// and completes the manifest.
func fill(staging string, store *model.Store, m *Manifest) error {
	reached("staged")
	err := create(filepath.Join(staging, VariablesFile), func(w io.Writer) error {
		hash := sha256.New()
		counted := &counter{w: io.MultiWriter(w, hash)}
		if err := writeVariables(counted, store, m.Variables); err != nil {
			return err
		}
		m.Size, m.SHA256 = counted.n, fmt.Sprintf("%x", hash.Sum(nil))
		return nil
	})
	if err != nil {
		return err
	}
	reached("variables written")
	text, err := m.encode()
	if err != nil {
		return err
	}
	if err := createBytes(filepath.Join(staging, ManifestFile), text); err != nil {
		return err
	}
	reached("manifest written")
	if err := createBytes(filepath.Join(staging, SumFile), []byte(sumLine(text))); err != nil {
		return err
	}
	return syncDir(staging)
}

// create writes a new file and flushes it to disk.
func create(path string, write func(w io.Writer) error) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, atomicfile.Mode)
	if err != nil {
		return err
	}
	defer f.Close() // for the errors; a second Close does nothing
	buffered := bufio.NewWriterSize(f, 1<<18)
	if err := write(buffered); err != nil {
		return err
	}
	if err := buffered.Flush(); err != nil {
		return err
	}
	if err := f.Sync(); err != nil {
		return err
	}
	return f.Close()
}

func createBytes(path string, data []byte) error {
	return create(path, func(w io.Writer) error {
		_, err := w.Write(data)
		return err
	})
}

// publish gives the staging folder its final name, on the disk too, unless the
// same checkpoint is there already.
func publish(dir, staging string, m *Manifest) (string, error) {
	reached("complete")
	existing, err := list(dir)
	if err != nil {
		return "", err
	}
	for _, s := range existing {
		path := filepath.Join(dir, s.name)
		if s.step == m.Step && isSame(path, m) {
			return path, removeOurs(staging)
		}
	}
	path := filepath.Join(dir, freeName(m.Step, existing))
	if err := os.Rename(staging, path); err != nil {
		return "", err
	}
	reached("renamed")
	return path, syncDir(dir)
}

// isSame tells whether a whole checkpoint lies at path that differs from m in
// nothing but the time of its creation.
func isSame(path string, m *Manifest) bool {
	c, err := Open(path)
	if err != nil {
		return false
	}
	there, here := c.Manifest, *m
	here.Created = there.Created
	a, errA := there.encode()
	b, errB := here.encode()
	return errA == nil && errB == nil && bytes.Equal(a, b)
}

// counter counts the bytes that pass.
type counter struct {
	w io.Writer
	n int64
}

func (c *counter) Write(p []byte) (int, error) {
	n, err := c.w.Write(p)
	c.n += int64(n)
	return n, err
}
