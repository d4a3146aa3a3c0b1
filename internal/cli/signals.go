package cli

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"sync/atomic"
	"syscall"

	"github.com/kafisto/kafisto/internal/train"
)

// training tells whether a run does its steps, after one of which it can stop.
var training atomic.Bool

// signalled is a console that notes when a run does its steps.
type signalled struct{ train.Console }

func (c signalled) Begin(done, total int64) {
	training.Store(true)
	c.Console.Begin(done, total)
}

func (c signalled) End() {
	training.Store(false)
	c.Console.End()
}

// Signals returns a context that SIGINT, SIGTERM and SIGHUP (the terminal is gone)
// cancel, so that a training run saves and ends. A second signal ends the program at
// once with exit code 130. Until stop is called these signals have no other effect,
// and a pipe that nobody reads any more, as after Ctrl-C on `kafisto train | tee log`,
// fails the write instead of ending the program. A SIGHUP that whoever started the
// program has it ignore (nohup) stays ignored.
func Signals(parent context.Context, stderr io.Writer) (ctx context.Context, stop func()) {
	ctx, cancel := context.WithCancel(parent)
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	if !signal.Ignored(syscall.SIGHUP) {
		signal.Notify(signals, syscall.SIGHUP)
	}
	pipes := make(chan os.Signal, 1) // never read: it is enough that someone is told
	signal.Notify(pipes, syscall.SIGPIPE)
	go func() {
		if _, ok := <-signals; !ok {
			return
		}
		cancel()
		go tellStopping(stderr) // who may not get rid of it, if nobody reads
		if _, ok := <-signals; ok {
			os.Exit(exitAtOnce)
		}
	}()
	return ctx, func() {
		signal.Stop(pipes)
		signal.Stop(signals)
		close(signals)
		cancel()
	}
}

// tellStopping says what the first signal does.
func tellStopping(stderr io.Writer) {
	if training.Load() {
		fmt.Fprintln(stderr, "kafisto: stopping after this step; a second signal stops at once, without saving")
	} else {
		fmt.Fprintln(stderr, "kafisto: a second signal stops at once")
	}
}
