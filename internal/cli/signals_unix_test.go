//go:build unix

package cli

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"
)

const signalsVariable = "KAFISTO_TEST_SIGNALS"

// TestSignals runs itself as a process that sends itself signals.
func TestSignals(t *testing.T) {
	signals := map[string]func(){
		"one": func() { kill(syscall.SIGTERM) },
		"run": func() {
			signalled{quietConsole{}}.Begin(0, 1)
			kill(syscall.SIGTERM)
			time.Sleep(100 * time.Millisecond)
		},
		"two": func() { kill(syscall.SIGINT); time.Sleep(100 * time.Millisecond); kill(syscall.SIGINT) },
	}
	if which := os.Getenv(signalsVariable); which != "" {
		ctx, stop := Signals(context.Background(), os.Stderr)
		signals[which]()
		<-ctx.Done()
		if which == "two" {
			time.Sleep(time.Minute) // the second signal ends the process
		}
		stop()
		os.Exit(exitStopped)
	}
	for which, want := range map[string]int{"one": exitStopped, "run": exitStopped, "two": exitAtOnce} {
		command := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestSignals$")
		command.Env = append(os.Environ(), signalsVariable+"="+which)
		var stderr strings.Builder
		command.Stderr = &stderr
		var exit *exec.ExitError
		if err := command.Run(); !errors.As(err, &exit) || exit.ExitCode() != want {
			t.Errorf("%s: %v, want exit code %d", which, err, want)
		}
		if after := strings.Contains(stderr.String(), "after this step"); after != (which == "run") {
			t.Errorf("%s: standard error %q", which, stderr.String())
		}
	}
}

func kill(s syscall.Signal) { _ = syscall.Kill(os.Getpid(), s) }
