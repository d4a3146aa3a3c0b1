//go:build unix

package bench

import (
	"testing"
	"time"
)

func TestPeakMemoryIsTheProcessesOwn(t *testing.T) {
	small, err := Peer{act(t, "args"), time.Minute}.Round(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	large, err := Peer{act(t, "hungry"), time.Minute}.Round(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if large.PeakMemory < 200<<20 || large.PeakMemory > 1<<31 || small.PeakMemory <= 0 || small.PeakMemory > large.PeakMemory {
		t.Errorf("%d bytes, then %d with 200 MiB more", small.PeakMemory, large.PeakMemory)
	}
}
