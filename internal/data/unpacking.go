package data

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/kafisto/kafisto/internal/atomicfile"
)

// sumsFile is beside what was unpacked: a line a file, its SHA-256 and its name, as
// sha256sum -c reads them.
const sumsFile = "kafisto.sha256"

// maxSums is how long that file may be, in bytes.
const maxSums = 1 << 16

// unpacking is members in a folder, each under a temporary name until publish.
type unpacking struct {
	root *os.Root
	sums map[string]string // SHA-256 by name
}

func newUnpacking(root *os.Root) *unpacking { return &unpacking{root, map[string]string{}} }

func (u *unpacking) has(m member) bool { return u.sums[m.file] != "" }

func temporary(file string) string { return "." + file + ".kafisto-part" }

// write writes one member of exactly its size, and reads r to its end.
func (u *unpacking) write(m member, r io.Reader) (err error) {
	part := temporary(m.file)
	if err := u.root.Remove(part); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	file, err := u.root.OpenFile(part, os.O_WRONLY|os.O_CREATE|os.O_EXCL, atomicfile.Mode)
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			u.root.Remove(part)
		}
	}()
	hash := sha256.New()
	n, err := io.Copy(io.MultiWriter(file, hash), io.LimitReader(r, m.size+1))
	if closeErr := syncAndClose(file); err == nil {
		err = closeErr
	}
	if err == nil && n != m.size {
		err = io.ErrUnexpectedEOF
	}
	if err == nil {
		u.sums[m.file] = hex.EncodeToString(hash.Sum(nil))
	}
	return err
}

// publish notes the sums, and gives the members their names.
func (u *unpacking) publish() error {
	dir := u.root.Name()
	sums, err := readSums(dir)
	if err != nil {
		return err
	}
	maps.Copy(sums, u.sums)
	var lines strings.Builder
	for _, file := range slices.Sorted(maps.Keys(sums)) {
		fmt.Fprintf(&lines, "%s  %s\n", sums[file], file)
	}
	if err := atomicfile.WriteBytes(filepath.Join(dir, sumsFile), []byte(lines.String())); err != nil {
		return fmt.Errorf("data: %w", err)
	}
	for file := range u.sums {
		if err := u.root.Rename(temporary(file), file); err != nil {
			return fmt.Errorf("data: cannot name what was unpacked: %w", err)
		}
	}
	if err := atomicfile.SyncDir(dir); err != nil {
		return fmt.Errorf("data: cannot save what was unpacked: %w", err)
	}
	return nil
}

// discard removes what has no name yet.
func (u *unpacking) discard() {
	for file := range u.sums {
		u.root.Remove(temporary(file))
	}
}

// readSums reads the sums by name that a folder's file of them has; none without one.
func readSums(dir string) (map[string]string, error) {
	path := filepath.Join(dir, sumsFile)
	sums := map[string]string{}
	file, size, err := openRegular(path)
	if errors.Is(err, fs.ErrNotExist) {
		return sums, nil
	}
	if err != nil {
		return nil, err
	}
	defer file.Close()
	text, err := io.ReadAll(io.LimitReader(file, maxSums))
	if err != nil {
		return nil, fmt.Errorf("data: cannot read the sums of what was unpacked: %w", err)
	}
	for line := range strings.Lines(string(text)) {
		sum, name, found := strings.Cut(strings.TrimSuffix(line, "\n"), "  ")
		if decoded, err := hex.DecodeString(sum); size > maxSums || !found || err != nil || len(decoded) != sha256.Size {
			return nil, fmt.Errorf("data: %s is not a list of SHA-256 sums and file names: delete it, and the files that were unpacked beside it, and fetch the data set again", path)
		}
		sums[name] = sum
	}
	return sums, nil
}

// checkUnpacked compares the members in a folder with the sums that were noted when
// they were unpacked there. Those of which none was noted are not looked at.
func (s *dataSet) checkUnpacked(dir string) error {
	if len(s.members) == 0 {
		return nil
	}
	sums, err := readSums(dir)
	if err != nil {
		return err
	}
	for _, m := range s.members {
		want := sums[m.file]
		if want == "" {
			continue
		}
		path := filepath.Join(dir, m.file)
		file, _, err := openRegular(path)
		if errors.Is(err, fs.ErrNotExist) {
			continue // said by who reads it
		}
		if err != nil {
			return err
		}
		hash := sha256.New()
		_, err = io.Copy(hash, file)
		file.Close()
		if err != nil {
			return fmt.Errorf("data: cannot read %s: %w", path, err)
		}
		if sum := hex.EncodeToString(hash.Sum(nil)); sum != want {
			return fmt.Errorf("data: %s is not as it was unpacked: it has the SHA-256 %s, not that in %s: move it away and fetch the data set again", path, sum, sumsFile)
		}
	}
	return nil
}
