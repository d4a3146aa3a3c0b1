package download

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"sync/atomic"
	"time"
)

const (
	defaultStall  = 30 * time.Second
	defaultWindow = time.Minute
	leastRate     = 1 << 10 // bytes a second
)

var errStalled = errors.New("the server has sent nothing for too long: fetch again to take it up there")

// watch ends a download that stands still or hardly moves.
type watch struct {
	ctx      context.Context
	cancel   context.CancelCauseFunc // must be called in the end
	silence  *time.Timer
	stall    time.Duration
	received atomic.Int64 // bytes in the current window
}

func newWatch(ctx context.Context, options Options) *watch {
	w := &watch{stall: cmp.Or(options.Stall, defaultStall)}
	w.ctx, w.cancel = context.WithCancelCause(ctx)
	w.silence = time.AfterFunc(w.stall, func() { w.cancel(brokenError{errStalled}) })
	go w.measure(cmp.Or(options.Window, defaultWindow))
	return w
}

// measure ends the download when a window has too few bytes.
func (w *watch) measure(window time.Duration) {
	ticker := time.NewTicker(window)
	defer ticker.Stop()
	defer w.silence.Stop()
	for {
		select {
		case <-w.ctx.Done():
			return
		case <-ticker.C:
			if n := w.received.Swap(0); float64(n) < leastRate*window.Seconds() {
				w.cancel(brokenError{fmt.Errorf("the server is too slow, it sent %d bytes in %v: fetch again to take it up there", n, window)})
			}
		}
	}
}

// body watches a response's body; what ends it is the error.
func (w *watch) body(body io.Reader) io.Reader { return &watchedBody{w, body} }

type watchedBody struct {
	*watch
	reader io.Reader
}

func (b *watchedBody) Read(p []byte) (int, error) {
	n, err := b.reader.Read(p)
	if n > 0 {
		b.silence.Reset(b.stall)
		b.received.Add(int64(n))
	}
	if err == nil || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return n, err
	}
	if cause := context.Cause(b.ctx); cause != nil {
		return n, cause
	}
	return n, brokenError{err}
}
