package imagegrid

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"

	"github.com/kafisto/kafisto/internal/atomicfile"
	"github.com/kafisto/kafisto/internal/data"
)

// Grid is a picture of a run's samples.
type Grid struct {
	Step int64 // after which it was made, 0 before the first
	Path string
}

// Name is the file name of the picture after a step: step-00000300.png.
func Name(step int64) string { return fmt.Sprintf("step-%08d.png", step) }

// List finds the pictures in a folder, in the order of their steps. Files with
// other names than Name's are passed over. A folder that is not there has none.
func List(dir string) ([]Grid, error) {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("imagegrid: cannot look for sample grids: %w", err)
	}
	var grids []Grid
	for _, entry := range entries {
		var step int64
		_, err := fmt.Sscanf(entry.Name(), "step-%d.png", &step)
		if err != nil || step < 0 || entry.Name() != Name(step) || !entry.Type().IsRegular() {
			continue
		}
		grids = append(grids, Grid{step, filepath.Join(dir, entry.Name())})
	}
	slices.SortFunc(grids, func(a, b Grid) int { return cmp.Compare(a.Step, b.Step) })
	return grids, nil
}

// WriteFolder makes the folder dir with a file for each image: 00000.png,
// 00001.png and so on. The folder is there with all files or not at all; the one
// above it must exist. If there is one already, it must be empty.
func WriteFolder(dir string, images *data.Images) error {
	if err := check(images); err != nil {
		return err
	}
	dir = filepath.Clean(dir)
	if info, err := os.Lstat(dir); err == nil && !info.IsDir() {
		return fmt.Errorf("imagegrid: %s is not a folder: name a new one", dir)
	}
	temp, err := os.MkdirTemp(filepath.Dir(dir), "."+filepath.Base(dir)+".tmp-")
	if err != nil {
		return fmt.Errorf("imagegrid: cannot make a folder for images: %w", err)
	}
	defer os.RemoveAll(temp) // nothing, once it is renamed
	for i := range images.Len() {
		picture := newCanvas(images.Width, images.Height, images.Channels)
		picture.paste(images, i, 0, 0)
		err := writeNew(filepath.Join(temp, fmt.Sprintf("%05d.png", i)), picture.encode)
		if err != nil {
			return fmt.Errorf("imagegrid: cannot write image %d of %d: %w", i+1, images.Len(), err)
		}
	}
	if err := errors.Join(os.Chmod(temp, 0o755), atomicfile.SyncDir(temp)); err != nil {
		return fmt.Errorf("imagegrid: %w", err)
	}
	if err := removeEmpty(dir); err != nil {
		return fmt.Errorf("imagegrid: there is something in the way of the images: %w: name a new folder", err)
	}
	if err := os.Rename(temp, dir); err != nil {
		return fmt.Errorf("imagegrid: cannot make the folder of images: %w", err)
	}
	return atomicfile.SyncDir(filepath.Dir(dir))
}

var imageName = regexp.MustCompile(`^[0-9]{5,}\.png$`)

// Sweep removes the folders of images that killed processes have left half made in a
// folder, as far as it can: those of a name that WriteFolder gives, to which nobody
// has written for a day, and which hold nothing but its images.
func Sweep(dir string) {
	entries, _ := os.ReadDir(dir)
	for _, entry := range entries {
		path := filepath.Join(dir, entry.Name())
		if entry.IsDir() && atomicfile.Stale(entry) && onlyImages(path) {
			_ = os.RemoveAll(path)
		}
	}
}

func onlyImages(dir string) bool {
	entries, err := os.ReadDir(dir)
	return err == nil && !slices.ContainsFunc(entries, func(e fs.DirEntry) bool {
		return !e.Type().IsRegular() || !imageName.MatchString(e.Name())
	})
}

// removeEmpty removes an empty folder. os.Remove would remove a file or a link too.
func removeEmpty(dir string) error {
	switch info, err := os.Lstat(dir); {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return err
	case !info.IsDir():
		return errors.New("it is not a folder")
	}
	return os.Remove(dir)
}

// writeNew writes a file into a folder that nobody knows yet, and flushes it.
func writeNew(path string, write func(io.Writer) error) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, atomicfile.Mode)
	if err != nil {
		return err
	}
	return errors.Join(write(f), f.Sync(), f.Close())
}
