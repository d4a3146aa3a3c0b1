// Package download brings published files, of which size and SHA-256 are known, into
// a folder: over HTTP, taken up again where a download broke off, and under their
// names only when they are whole and right.
package download

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"github.com/kafisto/kafisto/internal/atomicfile"
)

// File is a published file.
type File struct {
	URL    string // http or https
	Name   string // in the folder that keeps it
	Size   int64  // bytes
	SHA256 string // lower-case hexadecimal
}

// Options changes how files are downloaded. The zero value is ready for use.
type Options struct {
	// Client makes the requests; nil means a plain one. What it thinks of redirects
	// does not matter: at most ten are followed, never from https to http.
	Client *http.Client
	// Stall is how long a server may send nothing; 0 means 30 seconds.
	Stall time.Duration
	// Window is over how long a server must send 1 KiB a second on average; 0 means a
	// minute.
	Window time.Duration
	// Retries is how often a broken, slow or stalled download is taken up again where
	// it stopped; 0 means never. An answer that is wrong (not found, an HTML
	// page, a wrong checksum) is not asked for again.
	Retries int
	// Offline refuses what would need the network.
	Offline bool
	// Progress is called now and then with a file's name and the bytes so far
	// and in all; nil means no reports.
	Progress func(file string, done, total int64)
}

// Check refuses times and numbers that cannot be.
func (o Options) Check() error {
	if o.Stall < 0 || o.Window < 0 || o.Retries < 0 {
		return fmt.Errorf("download: a stall time of %v, a window of %v and %d retries: give 0 or more of each", o.Stall, o.Window, o.Retries)
	}
	return nil
}

// brokenError marks a download that may be taken up again.
type brokenError struct{ error }

func (e brokenError) Unwrap() error { return e.error }

func isBroken(err error) bool { return errors.As(err, new(brokenError)) }

// In tells whether the folder dir holds the file; nothing is changed there. Another
// file of that name is an error, and a missing one where options are Offline.
func (f File) In(dir string, options Options) (bool, error) {
	path := filepath.Join(dir, f.Name)
	switch err := f.verify(path); {
	case err == nil:
		return true, nil
	case !errors.Is(err, fs.ErrNotExist):
		return false, fmt.Errorf("download: %s: %w: move it away and fetch again", path, err)
	case options.Offline:
		return false, fmt.Errorf("download: %s is not there and the network is not to be used: download %s yourself and put it there", path, f.URL)
	}
	return false, nil
}

// Fetch makes sure that the folder dir, which must exist, holds the file, and returns
// its path. What is there already is checked and not downloaded again; a file of that
// name that is another is an error and left alone.
//
// What was downloaded of it goes to .NAME.kafisto-part in the folder, with a note
// .NAME.kafisto-tag of the version that the server has; a later Fetch goes on from
// there. Nothing else is written. One process at a time may fetch into a folder: see
// [Lock].
func Fetch(ctx context.Context, f File, dir string, options Options) (path string, err error) {
	if err := options.Check(); err != nil {
		return "", err
	}
	path = filepath.Join(dir, f.Name)
	if there, err := f.In(dir, options); there || err != nil {
		return path, err
	}
	part := f.part(dir)
	for try := 0; ; try++ {
		err = f.download(ctx, part, options)
		if !isBroken(err) || try >= options.Retries || ctx.Err() != nil {
			break
		}
		select {
		case <-ctx.Done():
		case <-time.After(min(time.Second<<min(try, 5), 30*time.Second)):
		}
	}
	if err != nil {
		part.tidy()
		return "", fmt.Errorf("download: cannot download %s: %w", f.URL, err)
	}
	return path, f.publish(part, path)
}

// publish checks the download and gives it its name.
func (f File) publish(part part, path string) error {
	if err := f.verify(part.path); err != nil {
		_ = part.remove() // no use: the next try starts afresh
		return fmt.Errorf("download: what %s sent is not the published file: %w: try again, or get the file elsewhere and put it at %s", f.URL, err, path)
	}
	if err := os.Rename(part.path, path); err != nil {
		return fmt.Errorf("download: cannot name the download: %w", err)
	}
	_ = part.remove() // the tag
	if err := atomicfile.SyncDir(filepath.Dir(path)); err != nil {
		return fmt.Errorf("download: cannot save %s: %w", path, err)
	}
	return nil
}

// verify compares a file with the pinned size and SHA-256.
func (f File) verify(path string) error {
	info, err := os.Stat(path) // before opening: opening a pipe could wait for ever
	if err != nil {
		return err
	}
	if !info.Mode().IsRegular() {
		return errors.New("not a regular file")
	}
	if info.Size() != f.Size {
		return fmt.Errorf("%d bytes, want %d", info.Size(), f.Size)
	}
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer file.Close()
	hash := sha256.New()
	if _, err := io.Copy(hash, file); err != nil {
		return err
	}
	if sum := hex.EncodeToString(hash.Sum(nil)); sum != f.SHA256 {
		return fmt.Errorf("SHA-256 %s, want %s", sum, f.SHA256)
	}
	return nil
}

// download adds to part what it lacks of the file.
func (f File) download(ctx context.Context, part part, options Options) error {
	have, validator, err := part.have()
	if err != nil || have == f.Size { // whole, not checked yet
		return err
	}
	watch := newWatch(ctx, options)
	defer watch.cancel(nil)
	response, err := f.request(watch.ctx, have, validator, options.Client)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if err := f.checkAnswer(response, have); err != nil {
		if have > 0 && !isBroken(err) {
			_ = part.remove() // the next try starts afresh
		}
		return err
	}
	var file *os.File
	if response.StatusCode == http.StatusOK {
		have = 0
		file, err = part.begin(validatorOf(response.Header))
	} else {
		file, err = part.resume()
	}
	if err != nil {
		return err
	}
	err = f.receive(file, watch.body(response.Body), have, options.Progress)
	if err == nil {
		err = file.Sync()
	}
	return errors.Join(err, file.Close())
}

// receive writes the body after the have bytes of the file there already.
func (f File) receive(file io.Writer, body io.Reader, have int64, progress func(string, int64, int64)) error {
	chunk := make([]byte, 1<<17)
	for {
		n, err := body.Read(chunk)
		if have += int64(n); have > f.Size {
			return fmt.Errorf("the server sent more than the file's %d bytes: it holds another file", f.Size)
		}
		if _, err := file.Write(chunk[:n]); err != nil {
			return err
		}
		if progress != nil && n > 0 {
			progress(f.Name, have, f.Size)
		}
		switch {
		case err == nil:
		case errors.Is(err, io.EOF) && have == f.Size:
			return nil
		case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
			return brokenError{fmt.Errorf("the connection ended after %d of %d bytes: fetch again to take it up there", have, f.Size)}
		default:
			return err
		}
	}
}
