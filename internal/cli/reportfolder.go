package cli

import (
	"fmt"
	"path/filepath"

	"github.com/kafisto/kafisto/internal/job"
	"github.com/kafisto/kafisto/internal/report"
)

// checkReportFolder refuses a folder that holds something under a name which a report
// writes over, but neither a run nor a report: it is somebody else's. A folder that is
// not there will do.
func checkReportFolder(dir string) error {
	if report.IsJSON(filepath.Join(dir, reportJSON)) { // a report's other files are written after it
		return nil
	}
	if run, err := job.FirstOf(dir, job.SettingsFile); run != "" || err != nil {
		return err
	}
	foreign, err := job.FirstOf(dir, reportPage, reportJSON, evaluationsFile, figuresFolder)
	if err != nil {
		return err
	}
	if foreign != "" {
		return fmt.Errorf("%s holds %s but no report of this program in %s: a report would write over it; choose another folder, or move it away", short(dir), foreign, reportJSON)
	}
	return nil
}
