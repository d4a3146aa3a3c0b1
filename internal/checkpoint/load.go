package checkpoint

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/kafisto/kafisto/internal/checkpoint/safetensors"
)

var (
	// ErrNone is wrapped by the error of [Load] when there is no checkpoint at all.
	ErrNone = errors.New("no checkpoint")
	// ErrDamaged is wrapped by the error of [Load] when there are checkpoints, but
	// none that is whole. Starting anew would be wrong then.
	ErrDamaged = errors.New("every checkpoint is damaged")
	// ErrGone is wrapped by the error of reading a checkpoint that is not there, any
	// more maybe: a run that goes on deletes older ones. Look for another one.
	ErrGone = errors.New("there is no such folder")
)

// Checkpoint is a checkpoint on disk that was found whole.
type Checkpoint struct {
	Path     string // of its folder
	Manifest Manifest
	Skipped  []error // by Load: newer ones that are damaged, each with path and reason

	layout []safetensors.Tensor // of the variables' file, in its order
}

// Load finds the newest whole checkpoint in dir, the highest step's. Damaged
// ones are passed over, reported in Skipped and left where they are. Values stay
// on disk until [Checkpoint.Restore].
func Load(dir string) (*Checkpoint, error) {
	return settled(dir, newestOf)
}

// looks is how often a folder is read in which a run that goes on deletes what was
// listed.
const looks = 5

// settled calls find with the checkpoints in dir, again if it finds none because the
// run to which they belong has gone on meanwhile: what that has deleted is not lost.
func settled(dir string, find func(dir string, all []saved) (*Checkpoint, error)) (*Checkpoint, error) {
	all, err := list(dir)
	for look := 1; ; look++ {
		if err != nil {
			return nil, fmt.Errorf("checkpoint: %w", err)
		}
		c, notFound := find(dir, all)
		if notFound == nil {
			return c, nil
		}
		before := all
		if all, err = list(dir); err == nil && (look == looks || slices.Equal(all, before)) {
			return nil, notFound
		}
	}
}

// newestOf is Load for the checkpoints that were listed. One that was deleted since is
// an error, not damage.
func newestOf(dir string, all []saved) (*Checkpoint, error) {
	if len(all) == 0 {
		return nil, fmt.Errorf("checkpoint: %w in %s", ErrNone, dir)
	}
	var skipped []error
	for _, s := range all {
		c, err := Open(filepath.Join(dir, s.name))
		if err == nil && c.Manifest.Step != s.step {
			err = fmt.Errorf("checkpoint: %s is of step %d", c.Path, c.Manifest.Step)
		}
		switch {
		case err == nil:
			c.Skipped = skipped
			return c, nil
		case errors.Is(err, ErrGone):
			return nil, err
		}
		skipped = append(skipped, err)
	}
	reasons := make([]string, len(skipped))
	for i, err := range skipped {
		reasons[i] = strings.TrimPrefix(err.Error(), "checkpoint: ")
	}
	return nil, fmt.Errorf("checkpoint: %w in %s (%s): put back a copy, or start again in another folder", ErrDamaged, dir, strings.Join(reasons, "; "))
}

// Open checks the checkpoint folder at path, every byte of it. The error names
// the file that is damaged; it wraps [ErrGone] where there is no such folder.
func Open(path string) (*Checkpoint, error) {
	m, err := readManifest(path)
	if err != nil {
		return nil, damaged(path, err)
	}
	c := &Checkpoint{Path: path, Manifest: *m}
	err = c.stream(func(_ *Variable, values io.Reader) error {
		_, err := io.Copy(io.Discard, values)
		return err
	})
	if err != nil {
		return nil, err
	}
	note(path, true)
	return c, nil
}

// damaged is the error of the checkpoint folder at path, which may be no more.
func damaged(path string, err error) error {
	if errors.Is(err, fs.ErrNotExist) && !isThere(path) {
		return fmt.Errorf("checkpoint: no checkpoint in %s: %w", path, ErrGone)
	}
	return fmt.Errorf("checkpoint: %s is damaged: %w", path, err)
}

func isThere(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}

// stream reads the variables' file from front to back and calls each with every
// variable and its values, all of which each must read. What each has read is
// sound only if stream returns no error, as the SHA-256 is known at the end.
func (c *Checkpoint) stream(each func(v *Variable, values io.Reader) error) error {
	fail := func(err error) error {
		return damaged(c.Path, fmt.Errorf("%s: %w", VariablesFile, err))
	}
	f, size, err := openRegular(filepath.Join(c.Path, VariablesFile))
	if err != nil {
		return fail(err)
	}
	defer f.Close()
	if size != c.Manifest.Size {
		return fail(fmt.Errorf("it has %d bytes, the manifest says %d", size, c.Manifest.Size))
	}
	hash := sha256.New()
	in := io.TeeReader(f, hash)
	header, err := safetensors.ReadHeader(in, size)
	if err != nil {
		return fail(err)
	}
	variables, err := c.match(header)
	if err != nil {
		return fail(err)
	}
	for i, t := range header.Tensors {
		if err := each(variables[i], io.LimitReader(in, t.End-t.Begin)); err != nil {
			return fail(fmt.Errorf("%s: %w", t.Name, err))
		}
	}
	if fmt.Sprintf("%x", hash.Sum(nil)) != c.Manifest.SHA256 {
		return fail(errors.New("it does not match the SHA-256 in the manifest"))
	}
	c.layout = header.Tensors
	return nil
}

// match finds the variable of each tensor; manifest and file must agree.
func (c *Checkpoint) match(header *safetensors.Header) ([]*Variable, error) {
	byPath := map[string]*Variable{}
	for i := range c.Manifest.Variables {
		v := &c.Manifest.Variables[i]
		byPath[v.Path] = v
	}
	if len(header.Tensors) != len(byPath) {
		return nil, fmt.Errorf("it has %d tensors, the manifest %d", len(header.Tensors), len(byPath))
	}
	variables := make([]*Variable, len(header.Tensors))
	for i, t := range header.Tensors {
		v := byPath[t.Name]
		if v == nil || v.DType != t.DType || !slices.Equal(v.Shape, t.Shape) {
			return nil, fmt.Errorf("tensor %s is not as in the manifest", t.Name)
		}
		variables[i] = v
	}
	return variables, nil
}
