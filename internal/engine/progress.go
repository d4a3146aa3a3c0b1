package engine

import (
	"fmt"
	"io"
	"os"
	"time"

	"github.com/mattn/go-isatty"
	"github.com/schollz/progressbar/v3"
)

// newProgress returns functions that show the user how many bytes are done, and end
// that: a bar when to is a terminal, one plain line at the start when it is not,
// nothing when to is nil.
func newProgress(to io.Writer, what string, size int64) (show func(done int64), end func()) {
	if to == nil {
		return func(int64) {}, func() {}
	}
	if terminal(to) == nil {
		fmt.Fprintf(to, "engine: %s (%.0f MB)\n", what, float64(size)/1e6)
		return func(int64) {}, func() {}
	}
	bar := progressbar.NewOptions64(size,
		progressbar.OptionSetWriter(to),
		progressbar.OptionSetDescription(what),
		progressbar.OptionShowBytes(true),
		progressbar.OptionSetWidth(30),
		progressbar.OptionThrottle(100*time.Millisecond),
		progressbar.OptionClearOnFinish(),
	)
	return func(done int64) { _ = bar.Set64(done) }, func() { _ = bar.Close() }
}

// terminal returns the writer's file if it is a terminal, else nil.
func terminal(writer io.Writer) *os.File {
	if file, ok := writer.(*os.File); ok && isatty.IsTerminal(file.Fd()) {
		return file
	}
	return nil
}
