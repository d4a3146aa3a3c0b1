//go:build cgo

package keepmemory

import "testing"

// TestBlocks takes, frees, grows and shrinks large blocks, and asks for more than there can be.
func TestBlocks(t *testing.T) {
	for range 3 {
		if line := check(); line != 0 {
			t.Fatalf("check.c:%d is not as expected", line)
		}
	}
}

// TestRelease: what was freed is no longer resident, what is in use is as it was.
func TestRelease(t *testing.T) {
	if line := checkRelease(); line != 0 {
		t.Fatalf("check.c:%d is not as expected", line)
	}
}
