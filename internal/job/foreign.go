package job

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/kafisto/kafisto/internal/train"
)

// What a report adds to the folder that it is written into.
const (
	ReportPage      = "report.html"
	ReportJSON      = "report.json"
	EvaluationsFile = "evaluations.csv"
	FiguresFolder   = "figures"
)

// written are the names that a run and its report write in a run folder, but for
// the settings, which come first.
var written = []string{
	AboutFile, OptimizerFile, FrechetFile, train.LogFile, train.CheckpointsFolder, train.SamplesFolder,
	ReportPage, ReportJSON, EvaluationsFile, FiguresFolder,
}

// settled reads the settings of the run in a folder, as LoadSettings does. A folder
// without a run that holds something under a name which a run would write over is
// an error: it is somebody else's.
func settled(dir string) (Settings, error) {
	foreign, err := FirstOf(dir, written...) // before the settings, which another process writes first
	if err != nil {
		return Settings{}, err
	}
	s, err := LoadSettings(dir)
	if errors.Is(err, fs.ErrNotExist) && foreign != "" {
		return Settings{}, fmt.Errorf("job: %s holds %s but no %s: it is not a run's folder, and a run would write over what is in it; choose another one with --dir", dir, foreign, SettingsFile)
	}
	return s, err
}

// FirstOf returns the first of some names under which a folder holds something; "" if
// it holds nothing under any, or is not there. Another error of looking is returned.
func FirstOf(dir string, names ...string) (string, error) {
	for _, name := range names {
		switch _, err := os.Lstat(filepath.Join(dir, name)); {
		case err == nil:
			return name, nil
		case !errors.Is(err, fs.ErrNotExist):
			return "", fmt.Errorf("job: cannot look for %s: %w: choose another folder", name, err)
		}
	}
	return "", nil
}
