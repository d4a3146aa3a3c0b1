package cli

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/kafisto/kafisto/internal/atomicfile"
	"github.com/kafisto/kafisto/internal/job"
	"github.com/kafisto/kafisto/internal/report"
)

// Files of a report.
const (
	reportPage      = job.ReportPage
	reportJSON      = job.ReportJSON
	evaluationsFile = job.EvaluationsFile
	figuresFolder   = job.FiguresFolder
)

// reportCommand makes a report of runs that are there.
type reportCommand struct {
	Dirs []string `arg:"" name:"dir" type:"path" help:"Run folders, or folders of run folders."`
	Out  string   `type:"path" placeholder:"PATH" help:"Folder for report.html, report.json, evaluations.csv and figures; or a file that ends in .html or .csv, for the page or the evaluations alone. Default: the folder, if one is given."`
}

// Run prints the table and writes the report.
func (c *reportCommand) Run(s *session) error {
	if c.Out == "" {
		if len(c.Dirs) > 1 {
			return usage(fmt.Errorf("%d folders are given: say with --out where their report belongs", len(c.Dirs)))
		}
		c.Out = c.Dirs[0]
	}
	dirs, err := runFolders(c.Dirs)
	if err != nil {
		return err
	}
	runs, err := readRuns(s, dirs)
	if err != nil {
		return err
	}
	if err := oneTask(runs); err != nil {
		return err
	}
	r := newReport(runs)
	if err := s.showReport(r); err != nil {
		return err
	}
	switch strings.ToLower(filepath.Ext(c.Out)) {
	case ".html":
		err = report.WriteHTML(c.Out, r)
	case ".csv":
		err = writeEvaluations(c.Out, r)
	default:
		return s.writeReport(c.Out, r)
	}
	if err != nil {
		return err
	}
	s.wrote(c.Out)
	return nil
}

// writeEvaluations writes every evaluation as CSV, whole or not at all.
func writeEvaluations(path string, r report.Report) error {
	return atomicfile.Write(path, func(w io.Writer) error { return report.WriteEvaluations(w, r) })
}

// showReport prints the summary.
func (s *session) showReport(r report.Report) error {
	if !s.json {
		return report.WriteTable(s.stdout, r)
	}
	return s.compact(func(w io.Writer) error { return report.WriteJSON(w, r) })
}

// compact prints JSON on one line.
func (s *session) compact(write func(io.Writer) error) error {
	var indented, line bytes.Buffer
	if err := write(&indented); err != nil {
		return err
	}
	if err := json.Compact(&line, indented.Bytes()); err != nil {
		return err
	}
	line.WriteByte('\n')
	_, err := line.WriteTo(s.stdout)
	return err
}

// writeReport writes page, JSON, evaluations and figures into the folder, if it is not
// somebody else's. The JSON comes first, as the folder is known by it.
func (s *session) writeReport(dir string, r report.Report) error {
	if err := checkReportFolder(dir); err != nil {
		return err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("cannot make the folder of the report: %w: choose another one", err)
	}
	err := atomicfile.Write(filepath.Join(dir, reportJSON), func(w io.Writer) error { return report.WriteJSON(w, r) })
	if err != nil {
		return err
	}
	if _, err := report.WriteFigures(filepath.Join(dir, figuresFolder), r); err != nil {
		return err
	}
	if err := writeEvaluations(filepath.Join(dir, evaluationsFile), r); err != nil {
		return err
	}
	page := filepath.Join(dir, reportPage)
	if err := report.WriteHTML(page, r); err != nil {
		return err
	}
	s.wrote(page)
	return nil
}

// written is a report's page.
type written struct {
	Type string `json:"type"`
	Path string `json:"path"`
}

// wrote says where the report is.
func (s *session) wrote(page string) {
	if s.json {
		s.object(written{"written", page})
		return
	}
	s.line("report: %s", short(page))
}
