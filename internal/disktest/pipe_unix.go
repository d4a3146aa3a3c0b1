//go:build unix

package disktest

import (
	"syscall"
	"testing"
)

// Pipe makes a named pipe at path, on which whoever opens it to read waits for ever.
// Where there can be none the test is skipped.
func Pipe(t testing.TB, path string) {
	t.Helper()
	if err := syscall.Mkfifo(path, 0o644); err != nil {
		t.Skip(err)
	}
}
