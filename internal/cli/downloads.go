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
	text := func(file string, done, total int64) string {
		return fmt.Sprintf("%s: %.1f of %.1f MB", file, float64(done)/1e6, float64(total)/1e6)
	}
	object := func(file string, done, total int64) any { return download{"download", file, done, total} }
	return s.stages(text, object, progressbar.OptionShowBytes(true))
}

// stages returns what shows how far named pieces of work are, one after the other:
// a bar with options on a terminal, elsewhere a text, or an object with --json, at
// the begin and the end of each and once an interval.
func (s *session) stages(text func(name string, done, total int64) string, object func(name string, done, total int64) any, options ...progressbar.Option) func(name string, done, total int64) {
	var current string
	var bar *progressbar.ProgressBar
	var shown time.Time
	return func(name string, done, total int64) {
		if name != current {
			current, shown = name, time.Time{}
			if !s.json && terminal(s.stderr) {
				bar = progressbar.NewOptions64(total, append([]progressbar.Option{progressbar.OptionSetWriter(s.stderr),
					progressbar.OptionSetWidth(30), progressbar.OptionSetDescription(name),
					progressbar.OptionThrottle(100 * time.Millisecond), progressbar.OptionClearOnFinish()}, options...)...)
			}
		}
		switch {
		case bar != nil:
			bar.Set64(done)
		case time.Since(shown) < interval && done < total:
		case s.json:
			s.object(object(name, done, total))
			shown = time.Now()
		default:
			fmt.Fprintln(s.stderr, text(name, done, total))
			shown = time.Now()
		}
	}
}
