// Package alloctest lets tests bound the memory that a call takes.
package alloctest

import (
	"runtime"
	"testing"
)

// Within calls f, which may allocate no more than so many bytes in all, garbage
// included; more fails the test. What other goroutines allocate meanwhile counts, so
// that the bound needs room for that and the test may not run beside others.
//
// A parser's bound is a fixed part and a multiple of its input's size: what the input
// says about itself must not matter.
func Within(t testing.TB, bytes int, f func()) {
	t.Helper()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	if taken := after.TotalAlloc - before.TotalAlloc; taken > uint64(bytes) {
		t.Errorf("%d bytes were allocated, at most %d may be", taken, bytes)
	}
}
