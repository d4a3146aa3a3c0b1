package disktest

import (
	"syscall"
	"testing"
)

// Limit makes writing beyond so many bytes of any file fail in this process
// until restore is called. Use it in a test that is Alone.
func Limit(t *testing.T, bytes uint64) (restore func()) {
	t.Helper()
	var old syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_FSIZE, &old); err != nil {
		t.Fatal(err)
	}
	set := func(limit syscall.Rlimit) {
		if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &limit); err != nil {
			t.Fatal(err)
		}
	}
	set(syscall.Rlimit{Cur: bytes, Max: old.Max})
	return func() { set(old) }
}
