package engine

import (
	"fmt"
	"io"
	"os"
	"time"

	"github.com/mattn/go-isatty"
	"github.com/schollz/progressbar/v3"
)

// newProgress returns a writer that counts bytes for the user: a bar when to
// is a terminal, one plain line at the start when it is not, nothing when to
// is nil. Close ends the bar.
func newProgress(to io.Writer, what string, size int64) io.WriteCloser {
	if to == nil {
		return silent{}
	}
	if terminal(to) == nil {
		fmt.Fprintf(to, "engine: %s (%.0f MB)\n", what, float64(size)/1e6)
		return silent{}
	}
	return progressbar.NewOptions64(size,
		progressbar.OptionSetWriter(to),
		progressbar.OptionSetDescription(what),
		progressbar.OptionShowBytes(true),
		progressbar.OptionSetWidth(30),
		progressbar.OptionThrottle(100*time.Millisecond),
		progressbar.OptionClearOnFinish(),
	)
}

// terminal returns the writer's file if it is a terminal, else nil.
func terminal(writer io.Writer) *os.File {
	if file, ok := writer.(*os.File); ok && isatty.IsTerminal(file.Fd()) {
		return file
	}
	return nil
}

type silent struct{}

func (silent) Write(p []byte) (int, error) { return len(p), nil }
func (silent) Close() error                { return nil }
