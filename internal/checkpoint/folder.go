package checkpoint

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
)

var (
	savedName   = regexp.MustCompile(`^step-(\d{9,18})(?:-([1-9]\d{0,8}))?$`)
	stagingName = regexp.MustCompile(`^\.staging-(?:new|old)-[0-9a-z]+$`)
)

// saved is a checkpoint folder as its name tells it.
type saved struct {
	name     string
	step     int64
	revision int64     // 1 for the first of a step, then 2, ...
	manifest *Manifest // set by listWhole
}

// keptRegular is how many of the last checkpoints are kept, without those for a stop
// alone.
const keptRegular = 2

// list names the checkpoints in dir, newest first, whole or not. A folder that
// does not exist has none.
func list(dir string) ([]saved, error) {
	entries, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	var found []saved
	for _, e := range entries {
		if parts := savedName.FindStringSubmatch(e.Name()); parts != nil && e.IsDir() {
			s := saved{name: e.Name(), revision: 1}
			s.step, _ = strconv.ParseInt(parts[1], 10, 64)
			if parts[2] != "" {
				s.revision, _ = strconv.ParseInt(parts[2], 10, 64)
			}
			found = append(found, s)
		}
	}
	slices.SortFunc(found, func(a, b saved) int {
		return cmp.Or(cmp.Compare(b.step, a.step), cmp.Compare(b.revision, a.revision), cmp.Compare(b.name, a.name))
	})
	return found, nil
}

// freeName is a name for a checkpoint of step that sorts as newer than those of
// the same step.
func freeName(step int64, existing []saved) string {
	name := fmt.Sprintf("step-%09d", step)
	for _, s := range existing {
		if s.step == step { // the newest revision comes first
			return fmt.Sprintf("%s-%d", name, s.revision+1)
		}
	}
	return name
}

// makeStaging creates a folder in dir for a checkpoint in the making.
func makeStaging(dir string) (string, error) {
	path := stagingPath(dir, "new")
	return path, os.Mkdir(path, 0o755)
}

func stagingPath(dir, kind string) string {
	return filepath.Join(dir, ".staging-"+kind+"-"+strconv.FormatUint(rand.Uint64(), 36))
}

// listWhole lists the checkpoints in dir that are whole and hold nothing else, newest
// first, each with its manifest.
func listWhole(dir string) ([]saved, error) {
	all, err := list(dir)
	var found []saved
	for _, s := range all {
		path := filepath.Join(dir, s.name)
		if s.manifest = whole(path, s.step); s.manifest != nil && isOurs(path) {
			found = append(found, s)
		}
	}
	return found, err
}

// prune deletes the checkpoints in dir that are whole, but for the one just
// saved, the last two that are not for a stop alone, of which that one may be, and
// those that one of these names as the best. What is damaged or holds anything that
// Save has not put there stays, and takes no other's place.
func prune(dir, justSaved string, stop bool) error {
	all, err := listWhole(dir)
	if err != nil {
		return err
	}
	regular := 0
	if !stop {
		regular = 1
	}
	keep, best := map[string]bool{}, map[int64]bool{}
	for _, s := range all {
		if s.name != justSaved {
			if s.manifest.Stop || regular == keptRegular {
				continue
			}
			regular++
		}
		keep[s.name] = true
		best[s.manifest.BestStep] = s.manifest.BestStep > 0
	}
	for _, s := range all {
		if best[s.step] && !s.manifest.Stop {
			best[s.step], keep[s.name] = false, true
		}
		if keep[s.name] {
			continue
		}
		if err := discard(dir, s.name); err != nil {
			return err
		}
	}
	return syncDir(dir)
}

// discard deletes a whole checkpoint. It is renamed first: a crash on the way leaves
// no half a checkpoint.
func discard(dir, name string) error {
	path, old := filepath.Join(dir, name), stagingPath(dir, "old")
	if err := os.Rename(path, old); err != nil {
		return err
	}
	verdicts.Delete(path)
	reached("deleting")
	return removeOurs(old)
}

// removeStale deletes what a crash has left of earlier calls of Save.
func removeStale(dir string) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		path := filepath.Join(dir, e.Name())
		if stagingName.MatchString(e.Name()) && e.IsDir() && isOurs(path) {
			if err := removeOurs(path); err != nil {
				return err
			}
		}
	}
	return nil
}

var ours = []string{VariablesFile, ManifestFile, SumFile}

// isOurs tells whether the folder holds nothing but files of a checkpoint.
func isOurs(path string) bool {
	entries, err := os.ReadDir(path)
	if err != nil {
		return false
	}
	for _, e := range entries {
		if !e.Type().IsRegular() || !slices.Contains(ours, e.Name()) {
			return false
		}
	}
	return true
}

// removeOurs deletes a checkpoint's files by name, then the folder, which fails
// if there is anything else in it.
func removeOurs(path string) error {
	for _, name := range ours {
		if err := os.Remove(filepath.Join(path, name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return os.Remove(path)
}
