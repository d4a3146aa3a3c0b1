package grid

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/kafisto/kafisto/internal/atomicfile"
	"github.com/kafisto/kafisto/internal/inputfile"
)

// RunsFolder holds the run folders.
const RunsFolder = "runs"

// FolderName is a run's name in the results folder: some words for people, and the
// beginning of a hash of identity, which is all that decides the result.
func FolderName(words []string, identity string) string {
	sum := sha256.Sum256([]byte(identity))
	return strings.Map(fileSafe, strings.Join(append(words[:len(words):len(words)], hex.EncodeToString(sum[:5])), "-"))
}

// fileSafe keeps what every system allows in a file's name.
func fileSafe(r rune) rune {
	if strings.ContainsRune("abcdefghijklmnopqrstuvwxyz0123456789-+.=", r) {
		return r
	}
	return '_'
}

// Mark is a JSON file that tells a results folder from others, and what its runs
// are of.
type Mark struct {
	File    string // its name in the results folder
	Content any    // what it is to say, as JSON
	// Check refuses a folder whose mark, of which this is the text, does not fit
	// Content. ErrUnread tells that it is no mark at all.
	Check func(text []byte) error
}

// ErrUnread is for Mark.Check to tell that a mark cannot be read.
var ErrUnread = errors.New("it cannot be read")

// Open makes sure that dir is a results folder with the mark: it makes one where
// there is none or an empty folder, and writes the mark again where the one that is
// there fits but says something else. A folder whose mark does not fit, and one that
// holds something else, are errors.
func Open(dir string, m Mark) error {
	err := CheckFolder(dir, m)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := os.MkdirAll(filepath.Join(dir, RunsFolder), 0o755); err != nil {
		return fmt.Errorf("grid: cannot make the results folder: %w: choose another one with --dir", err)
	}
	text, err := json.Marshal(m.Content)
	if err != nil {
		return fmt.Errorf("grid: %w", err)
	}
	text = append(text, '\n')
	path := filepath.Join(dir, m.File)
	if held, err := inputfile.Read(path, inputfile.Small); err == nil && bytes.Equal(held, text) {
		return nil
	}
	if err := atomicfile.WriteBytes(path, text); err != nil {
		return fmt.Errorf("grid: %w", err)
	}
	return nil
}

// CheckFolder is Open without making anything: where the folder is missing or
// empty the error satisfies errors.Is(err, fs.ErrNotExist).
func CheckFolder(dir string, m Mark) error {
	path := filepath.Join(dir, m.File)
	text, err := inputfile.Read(path, inputfile.Small)
	if errors.Is(err, fs.ErrNotExist) {
		return checkEmpty(dir, m, err)
	}
	if err != nil {
		return fmt.Errorf("grid: cannot look into the results folder: %w: choose another one with --dir", err)
	}
	err = m.Check(text)
	if errors.Is(err, ErrUnread) {
		return fmt.Errorf("grid: %s does not say what the folder's results are of: put back a copy of that file, or choose another folder with --dir", path)
	}
	return err
}

// checkEmpty refuses a folder without a mark that holds anything but what Open
// may have left before it wrote the mark.
func checkEmpty(dir string, m Mark, missing error) error {
	entries, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("grid: cannot look into the results folder: %w: choose another one with --dir", err)
	}
	for _, entry := range entries {
		if entry.Name() == m.File { // another process has just made it
			return CheckFolder(dir, m)
		}
		if name := entry.Name(); name != RunsFolder && !strings.HasPrefix(name, ".") {
			return fmt.Errorf("grid: %s holds %s but no %s: it is not a results folder; choose another one with --dir", dir, name, m.File)
		}
	}
	return missing
}
