package cli

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
)

// Signals returns a context that SIGINT and SIGTERM cancel, so that a training
// run saves and ends. A second signal ends the program at once with exit code
// 130. Until stop is called these signals have no other effect.
func Signals(parent context.Context, stderr io.Writer) (ctx context.Context, stop func()) {
	ctx, cancel := context.WithCancel(parent)
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	go func() {
		if _, ok := <-signals; !ok {
			return
		}
		cancel()
		fmt.Fprintln(stderr, "kafisto: stopping after this step; a second signal stops at once, without saving")
		if _, ok := <-signals; ok {
			os.Exit(exitAtOnce)
		}
	}()
	return ctx, func() {
		signal.Stop(signals)
		close(signals)
		cancel()
	}
}
