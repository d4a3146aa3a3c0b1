package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime/debug"
	"slices"
	"strings"
	"syscall"

	"github.com/kafisto/kafisto/internal/train"
)

// The exit codes; the package's comment explains them.
const (
	exitDone     = 0
	exitFailed   = 1
	exitUsage    = 2
	exitStopped  = 3
	exitDiverged = 4
	exitAtOnce   = 130
)

// debugVariable, set to 1, shows the stack of a panic and whole error texts.
const debugVariable = "KAFISTO_DEBUG"

func debugging() bool { return os.Getenv(debugVariable) == "1" }

// usageError marks a mistake in the command line or in settings.
type usageError struct{ error }

func (e usageError) Unwrap() error { return e.error }

// usage marks an error, if there is one, as the user's mistake.
func usage(err error) error {
	if err == nil {
		return nil
	}
	return usageError{err}
}

// exitCode is the exit code of a command's error.
func exitCode(err error) int {
	var mistake usageError
	switch {
	case err == nil:
		return exitDone
	case errors.Is(err, train.ErrDiverged):
		return exitDiverged
	case errors.Is(err, train.ErrStopped), errors.Is(err, context.Canceled):
		return exitStopped
	case errors.As(err, &mistake):
		return exitUsage
	}
	return exitFailed
}

// fail tells the user of an error, if there is one, and returns the exit code.
func (s *session) fail(err error) int {
	code := exitCode(err)
	if err == nil {
		return code
	}
	text := sentence(err)
	if s.json {
		s.object(failure{"error", code, text})
	}
	fmt.Fprintf(s.stderr, "kafisto: %s\n", text)
	if debugging() {
		fmt.Fprintf(s.stderr, "%+v\n", err)
	}
	return code
}

// failure is a command's error as JSON.
type failure struct {
	Type     string `json:"type"`
	ExitCode int    `json:"exit_code"`
	Message  string `json:"message"`
}

// inner are the words before the errors of packages that a user does not know,
// and of the optimizer, which has the program's name.
var inner = []string{"atomicfile", "bench", "checkpoint", "classifier", "fid", "grid", "imagegrid", "inception", "job", "kafisto", "lockfile", "report", "runlog", "task", "train", "weights"}

// sentence is an error's text on one line: of each of several joined errors
// the first line, without what engines add below it and packages before it.
func sentence(err error) string {
	joined, ok := err.(interface{ Unwrap() []error })
	if !ok || err.Error() != errors.Join(joined.Unwrap()...).Error() {
		first, _, _ := strings.Cut(strings.TrimSpace(err.Error()), "\n")
		parts := slices.DeleteFunc(strings.Split(first, ": "), func(part string) bool { return slices.Contains(inner, part) })
		return strings.Join(parts, ": ")
	}
	var parts []string
	for _, part := range joined.Unwrap() {
		parts = append(parts, sentence(part))
	}
	return strings.Join(parts, "; ")
}

// advisedError is a run's error with what to do about it.
type advisedError struct {
	error
	text string
}

func (e advisedError) Error() string { return e.text }
func (e advisedError) Unwrap() error { return e.error }

// advised adds to the error of a run that was stopped, or that found the disk
// full, or a limit on what may be written reached, how to go on.
func advised(err error, how string) error {
	if errors.Is(err, train.ErrStopped) {
		text, _ := strings.CutSuffix(sentence(err), "; resume to go on") // said better here
		return advisedError{err, text + "; to go on: " + how}
	}
	for _, full := range []struct {
		reason syscall.Errno
		remedy string
	}{
		{syscall.ENOSPC, "free space"},
		{syscall.EDQUOT, "free space in your quota"},
		{syscall.EFBIG, "raise the limit on the size of files (ulimit -f)"},
	} {
		if errors.Is(err, full.reason) {
			return advisedError{err, sentence(err) + "; what was saved before is intact: " + full.remedy + ", then " + how}
		}
	}
	return err
}

// panicked tells the user of a panic, which is always a bug of ours or of a
// backend.
func (s *session) panicked(reason any) int {
	stack := debug.Stack()
	code := s.fail(errors.New(sentence(fmt.Errorf("internal error: %v", reason)) +
		"; please report it with the output of the same command under " + debugVariable + "=1"))
	if debugging() {
		s.stderr.Write(stack)
	}
	return code
}
