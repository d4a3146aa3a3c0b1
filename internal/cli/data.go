package cli

import (
	"fmt"
	"path/filepath"

	"github.com/kafisto/kafisto/internal/data"
	"github.com/kafisto/kafisto/internal/job"
)

// dataCommand is about data sets.
type dataCommand struct {
	List  dataListCommand  `cmd:"" help:"List the data sets."`
	Fetch dataFetchCommand `cmd:"" help:"Download a data set from its publisher, as far as it is missing."`
	Check dataCheckCommand `cmd:"" help:"Read a whole data set and check it."`
}

// dataListCommand lists the data sets.
type dataListCommand struct{}

// dataSet is a data set as JSON.
type dataSet struct {
	Type       string    `json:"type"`
	Name       string    `json:"name"`
	Title      string    `json:"title"`
	Kind       data.Kind `json:"kind"`
	Train      int       `json:"train"`      // images, or words with end-of-sentence marks
	Validation int       `json:"validation"` // words; 0 for images
	HeldOut    int       `json:"held_out"`
	Height     int       `json:"height"` // this and the next three: of images
	Width      int       `json:"width"`
	Channels   int       `json:"channels"`
	Classes    int       `json:"classes"`
	Vocabulary int       `json:"vocabulary"` // different words of a text
	Embedded   bool      `json:"embedded"`
	Dir        string    `json:"dir,omitempty"` // where it was fetched to or checked
}

// Run prints a line a data set.
func (dataListCommand) Run(s *session) error {
	if !s.json {
		s.line("%-16s %9s %10s %9s  %s", "name", "training", "validation", "held out", "of")
	}
	for _, name := range data.Names() {
		info, err := data.Describe(name)
		if err != nil {
			return err
		}
		s.dataSet(info, "data", "")
	}
	return nil
}

// dataSet prints a data set.
func (s *session) dataSet(info data.Info, kind, dir string) {
	if s.json {
		s.object(dataSet{kind, info.Name, info.Title, info.Kind, info.Train, info.Validation, info.Test,
			info.Height, info.Width, info.Channels, info.Classes, info.Vocabulary, info.Embedded, dir})
		return
	}
	title := info.Title
	if info.Embedded {
		title += ", part of this program"
	}
	validation, of := "-", fmt.Sprintf("%dx%dx%d, %d classes", info.Height, info.Width, info.Channels, info.Classes)
	if info.Kind == data.KindText {
		validation, of = fmt.Sprint(info.Validation), fmt.Sprintf("words, %d different", info.Vocabulary)
	}
	s.line("%-16s %9d %10s %9d  %-22s %s", info.Name, info.Train, validation, info.Test, of, title)
}

// dataFetchCommand downloads a data set.
type dataFetchCommand struct {
	Name    string `arg:"" help:"Data set: ${datasets}."`
	DataDir string `type:"path" placeholder:"DIR" help:"Folder to keep data sets in. Default: the user's cache folder."`
}

// Run downloads what is missing and prints the folder.
func (c *dataFetchCommand) Run(s *session) error {
	info, err := data.Describe(c.Name)
	if err != nil {
		return usage(err)
	}
	dir := c.DataDir
	if dir != "" {
		dir, err = data.Fetch(s.ctx, c.Name, dir, data.FetchOptions{Offline: s.offline, Retries: 3, Progress: s.downloads()})
	} else {
		dir, err = job.FindData(s.ctx, job.Settings{Dataset: c.Name}, s.options(quietConsole{s}))
	}
	if err != nil {
		return err
	}
	switch {
	case s.json:
		s.dataSet(info, "fetched", dir)
	case info.Embedded:
		s.line("%s is part of this program: there is nothing to fetch", info.Name)
	default:
		s.line("%s is in %s", info.Name, dir)
	}
	return nil
}

// dataCheckCommand reads a data set.
type dataCheckCommand struct {
	Name    string `arg:"" help:"Data set: ${datasets}."`
	DataDir string `type:"path" placeholder:"DIR" help:"Folder with the data set's files. Default: the user's cache folder."`
}

// Run reads all files of the data set, and says what is wrong or what was checked.
func (c *dataCheckCommand) Run(s *session) error {
	info, err := data.Describe(c.Name)
	if err != nil {
		return usage(err)
	}
	dir, err := job.DataFolder(job.Settings{Dataset: c.Name, DataDir: c.DataDir})
	if err != nil {
		return err
	}
	checked, err := checkData(info, dir)
	if err != nil {
		return err
	}
	if s.json {
		s.dataSet(info, "checked", dir)
		return nil
	}
	where := "in this program"
	if !info.Embedded {
		where = "in " + filepath.Clean(dir)
	}
	s.line("%s %s: %s", info.Name, where, checked)
	return nil
}

// checkData loads a data set, which checks that it is as info says, and tells what
// was checked.
func checkData(info data.Info, dir string) (string, error) {
	if info.Kind == data.KindText {
		if _, err := data.LoadText(info.Name, dir); err != nil {
			return "", err
		}
		return fmt.Sprintf("counts and vocabulary are right: %d training, %d validation and %d held-out words with end-of-sentence marks, %d different ones",
			info.Train, info.Validation, info.Test, info.Vocabulary), nil
	}
	if _, _, err := data.Load(info.Name, dir); err != nil {
		return "", err
	}
	return fmt.Sprintf("sizes, counts and labels are right: %d training and %d held-out images of %d classes", info.Train, info.Test, info.Classes), nil
}
