//go:build cgo && linux && (amd64 || arm64)

package native_test

import (
	"fmt"
	"sync"
	"testing"

	"github.com/kafisto/kafisto/native"
)

// TestTeam runs many small jobs, and steps of parts, with helpers that come at once, late, on the
// caller's own thread, or not at all: every item is done once, and is seen.
func TestTeam(t *testing.T) {
	for pool, name := range []string{"threads", "late", "inline", "refuses"} {
		t.Run(name, func(t *testing.T) {
			for threads := 1; threads <= 5; threads++ {
				for range 20 {
					if wrong := native.CheckTeam(threads, 100, pool); wrong != 0 {
						t.Fatalf("%d threads: %d wrong items", threads, wrong)
					}
					if wrong := native.CheckSteps(threads, 50, pool); wrong != 0 {
						t.Fatalf("%d threads: %d wrong parts of steps", threads, wrong)
					}
				}
			}
		})
	}
}

// TestTeamsSideBySide runs several teams at the same time.
func TestTeamsSideBySide(t *testing.T) {
	var group sync.WaitGroup
	errs := make(chan error, 8)
	for i := range cap(errs) {
		group.Go(func() {
			for range 10 {
				if wrong := native.CheckTeam(3, 60, i%2); wrong != 0 {
					errs <- fmt.Errorf("%d wrong items", wrong)
					return
				}
			}
		})
	}
	group.Wait()
	close(errs)
	for err := range errs {
		t.Error(err)
	}
}
