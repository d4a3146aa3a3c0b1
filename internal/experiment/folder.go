package experiment

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/kafisto/kafisto/internal/atomicfile"
)

const (
	// MarkFile tells a results folder from others.
	MarkFile = "experiment.json"
	// RunsFolder holds the run folders.
	RunsFolder = "runs"
	// format is that of results folders; another one is refused.
	format  = 1
	maxMark = 1 << 16 // bytes
)

// mark is what MarkFile says.
type mark struct {
	Format  int     `json:"format"`
	Profile Profile `json:"profile"`
}

// Open makes sure that dir is a results folder of the profile: it makes one where
// there is none or an empty folder. A folder of another profile or version, and
// one that holds something else, are errors.
func Open(dir string, profile Profile) error {
	if err := CheckFolder(dir, profile); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := os.MkdirAll(filepath.Join(dir, RunsFolder), 0o755); err != nil {
		return fmt.Errorf("experiment: cannot make the results folder: %w: choose another one with --dir", err)
	}
	text, err := json.Marshal(mark{format, profile})
	if err == nil {
		err = atomicfile.WriteBytes(filepath.Join(dir, MarkFile), append(text, '\n'))
	}
	if err != nil {
		return fmt.Errorf("experiment: %w", err)
	}
	return nil
}

// CheckFolder is Open without making anything: where the folder is missing or
// empty the error satisfies errors.Is(err, fs.ErrNotExist).
func CheckFolder(dir string, profile Profile) error {
	path := filepath.Join(dir, MarkFile)
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return checkEmpty(dir, profile, err)
	}
	if err != nil {
		return fmt.Errorf("experiment: cannot look into the results folder: %w: choose another one with --dir", err)
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxMark))
	var m mark
	if err == nil {
		err = json.Unmarshal(text, &m)
	}
	switch {
	case err != nil:
		return fmt.Errorf("experiment: %s does not say what the folder's results are of: put back a copy of that file, or choose another folder with --dir", path)
	case m.Format != format:
		return fmt.Errorf("experiment: the results in %s have format %d, this program writes %d: use the program that made them, or choose another folder with --dir", dir, m.Format, format)
	case m.Profile != profile:
		return fmt.Errorf("experiment: the results in %s are of the profile %q, not %q: choose another folder with --dir", dir, m.Profile, profile)
	}
	return nil
}

// checkEmpty refuses a folder without a mark that holds anything but what Open
// may have left before it wrote the mark.
func checkEmpty(dir string, profile Profile, missing error) error {
	entries, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("experiment: cannot look into the results folder: %w: choose another one with --dir", err)
	}
	for _, entry := range entries {
		if entry.Name() == MarkFile { // another process has just made it
			return CheckFolder(dir, profile)
		}
		if name := entry.Name(); name != RunsFolder && !strings.HasPrefix(name, ".") {
			return fmt.Errorf("experiment: %s holds %s but no %s: it is not a results folder; choose another one with --dir", dir, name, MarkFile)
		}
	}
	return missing
}
