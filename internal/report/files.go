package report

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/kafisto/kafisto/internal/atomicfile"
)

// WriteFigures draws each quantity that the logs hold and writes it as
// NAME.png and NAME.svg into the folder dir, which is made if it is missing.
// It returns the paths of the files in the order of the figures. Each file
// is replaced as a whole or left as it was; all are drawn before the first is
// written.
func WriteFigures(dir string, r Report) ([]string, error) {
	if err := r.check(); err != nil {
		return nil, err
	}
	var files []file
	groups, task := r.groups(), CleanText(r.Task)
	for _, p := range panels(groups) {
		png, err := renderPNG(p, task, groups)
		if err != nil {
			return nil, err
		}
		svg, err := renderSVG(p, task, groups)
		if err != nil {
			return nil, err
		}
		base := filepath.Join(dir, p.name)
		files = append(files, file{base + ".png", png}, file{base + ".svg", svg})
	}
	return writeFiles(dir, files)
}

// file is a file to write.
type file struct {
	path string
	data []byte
}

// writeFiles writes the files, all in the folder dir, which is made if it is
// missing; it returns the paths of those written.
func writeFiles(dir string, files []file) ([]string, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, fmt.Errorf("report: cannot make the folder for figures: %w", err)
	}
	var paths []string
	for _, f := range files {
		if err := atomicfile.WriteBytes(f.path, f.data); err != nil {
			return paths, fmt.Errorf("report: %w", err)
		}
		paths = append(paths, f.path)
	}
	return paths, nil
}
