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
