package cli

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/kafisto/kafisto/internal/grid"
	"github.com/kafisto/kafisto/internal/job"
)

// runFolders finds the run folders among dirs, right inside them, and where a search
// or reproduce has them.
func runFolders(dirs []string) ([]string, error) {
	var found []string
	for _, dir := range dirs {
		if isRun(dir) {
			found = append(found, dir)
			continue
		}
		inside, err := runsInside(dir)
		if err == nil && len(inside) == 0 {
			inside, err = runsInside(filepath.Join(dir, grid.RunsFolder))
			if len(inside) == 0 && (err == nil || errors.Is(err, fs.ErrNotExist)) {
				return nil, fmt.Errorf("there is no run in %s: name a folder that train, compare, search or reproduce has made", dir)
			}
		}
		if err != nil {
			return nil, fmt.Errorf("cannot look for runs: %w: name folders that train, compare, search or reproduce has made", err)
		}
		found = append(found, inside...)
	}
	slices.Sort(found)
	return slices.Compact(found), nil
}

// runsInside finds the run folders right inside a folder.
func runsInside(dir string) ([]string, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	var found []string
	for _, entry := range entries {
		if inner := filepath.Join(dir, entry.Name()); isRun(inner) {
			found = append(found, inner)
		}
	}
	return found, nil
}

func isRun(dir string) bool {
	_, err := os.Stat(filepath.Join(dir, job.SettingsFile))
	return err == nil
}

// readRuns reads run folders, in the order in which the runs were started. One
// that has done nothing yet is left out with a message; if none is left, that
// is an error.
func readRuns(s *session, dirs []string) ([]job.Record, error) {
	var records []job.Record
	for _, dir := range dirs {
		r, err := job.LoadRun(dir)
		if err == nil && len(r.Log.Steps) == 0 && r.Log.End == nil || errors.Is(err, fs.ErrNotExist) {
			s.message(fmt.Sprintf("left out: the run in %s has done no step", dir))
			continue
		}
		if err != nil {
			return nil, err
		}
		records = append(records, r)
	}
	if len(records) == 0 {
		return nil, errors.New("there is nothing to report: no run has done a step")
	}
	slices.SortStableFunc(records, func(a, b job.Record) int { return cmp.Compare(startTime(a), startTime(b)) })
	return records, nil
}

// startTime is when a run was started, in a form that sorts.
func startTime(r job.Record) string {
	if len(r.Log.Starts) == 0 {
		return ""
	}
	return r.Log.Starts[0].Time
}

// oneTask refuses runs whose figures cannot stand side by side: those of other
// held-out images or words. Other differences are in the report's settings.
func oneTask(records []job.Record) error {
	for _, r := range records {
		if a, b := records[0].Settings.Dataset, r.Settings.Dataset; a != b {
			return fmt.Errorf("the runs are of different data sets, %s and %s: report on one at a time", a, b)
		}
		if a, b := records[0].Settings.EvalExamples, r.Settings.EvalExamples; a != b {
			examples := "images"
			if r.Settings.IsLanguage() {
				examples = "words"
			}
			return fmt.Errorf("the runs were evaluated on different %s (eval-examples is %d and %d, where 0 means all): report on those of the same", examples, a, b)
		}
	}
	return nil
}
