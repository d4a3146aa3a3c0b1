package keepmemory

import (
	"runtime/debug"
	"sync"
	"time"
)

// often is the shortest time between two releases.
const often = 30 * time.Second

var last struct {
	sync.Mutex
	time time.Time
}

// Release gives memory that is free in Go's heap and in the C library's back to the
// system: what other work than steps, such as an evaluation, has left in places where
// steps may never need it. Memory that steps have freed is given back with it, and
// they take it again, which costs them milliseconds; so Release does nothing where it
// was called in the last half minute. The large blocks that are kept for the next step
// stay.
//
// A program that trains for hours calls it now and then, say after each checkpoint:
// else it settles at the most that chance has ever put side by side.
func Release() {
	last.Lock()
	defer last.Unlock()
	if !last.time.IsZero() && time.Since(last.time) < often {
		return
	}
	last.time = time.Now()
	debug.FreeOSMemory()
	releaseHeap()
}
