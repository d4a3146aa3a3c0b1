package cli

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/kafisto/kafisto/internal/inputfile"
	"github.com/kafisto/kafisto/internal/job"
	"github.com/kafisto/kafisto/internal/report"
)

// checkReportFolder refuses a folder that holds something under a name which a report
// writes over, but neither a run nor a report: it is somebody else's. A folder that is
// not there will do.
func checkReportFolder(dir string) error {
	if isReport(filepath.Join(dir, reportJSON)) {
		return nil
	}
	has := func(name string) (bool, error) {
		_, err := os.Lstat(filepath.Join(dir, name))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return false, fmt.Errorf("cannot look for a report: %w: choose another folder", err)
		}
		return err == nil, nil
	}
	if run, err := has(job.SettingsFile); run || err != nil {
		return err
	}
	for _, name := range []string{reportPage, reportJSON, evaluationsFile, figuresFolder} {
		switch foreign, err := has(name); {
		case err != nil:
			return err
		case foreign:
			return fmt.Errorf("%s holds %s but no report of this program in %s: a report would write over it; choose another folder, or move it away", short(dir), name, reportJSON)
		}
	}
	return nil
}

// isReport tells whether a file begins as a report's JSON does. A report's other files
// are written after it.
func isReport(path string) bool {
	const most, head = 1 << 40, 1 << 10
	file, _, err := inputfile.Open(path, most)
	if err != nil {
		return false
	}
	defer file.Close()
	tokens := json.NewDecoder(io.LimitReader(file, head))
	for _, want := range []json.Token{json.Delim('{'), "type", report.JSONType} {
		if token, err := tokens.Token(); err != nil || token != want {
			return false
		}
	}
	return true
}
