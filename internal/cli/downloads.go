package cli

import (
	"fmt"
	"time"

	"github.com/schollz/progressbar/v3"
)

// download is how far a download is.
type download struct {
	Type  string `json:"type"`
	File  string `json:"file"`
	Bytes int64  `json:"bytes"`
	Total int64  `json:"total"`
}

// downloads returns what shows the progress of data downloads: a bar on a
// terminal, elsewhere a line a file and interval.
func (s *session) downloads() func(file string, done, total int64) {
	var file string
	var bar *progressbar.ProgressBar
	var shown time.Time
	return func(name string, done, total int64) {
		if name != file {
			file, shown = name, time.Time{}
			if !s.json && terminal(s.stderr) {
				bar = progressbar.NewOptions64(total, progressbar.OptionSetWriter(s.stderr), progressbar.OptionSetWidth(30),
					progressbar.OptionSetDescription(name), progressbar.OptionShowBytes(true),
					progressbar.OptionThrottle(100*time.Millisecond), progressbar.OptionClearOnFinish())
			}
		}
		switch {
		case bar != nil:
			bar.Set64(done)
		case time.Since(shown) < interval && done < total:
		case s.json:
			s.object(download{"download", name, done, total})
			shown = time.Now()
		default:
			fmt.Fprintf(s.stderr, "%s: %.1f of %.1f MB\n", name, float64(done)/1e6, float64(total)/1e6)
			shown = time.Now()
		}
	}
}
