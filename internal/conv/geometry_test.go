package conv

import (
	"testing"

	"pgregory.net/rapid"
)

// TestGeometryCountsWindows holds NewGeometry against counting the places where a kernel fits.
func TestGeometryCountsWindows(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		pair := func(low, high int, name string) [2]int {
			return [2]int{rapid.IntRange(low, high).Draw(t, name), rapid.IntRange(low, high).Draw(t, name)}
		}
		in, kernel, stride := pair(1, 12, "in"), pair(1, 6, "kernel"), pair(1, 4, "stride")
		padding := [2][2]int{pair(0, 5, "rows"), pair(0, 5, "columns")}
		g, err := NewGeometry(in, kernel, stride, padding)
		for axis := range 2 {
			places := 0
			for start := -padding[axis][0]; start+kernel[axis] <= in[axis]+padding[axis][1]; start += stride[axis] {
				places++
			}
			if places == 0 {
				if err == nil {
					t.Fatalf("no error though no window fits: %+v", g)
				}
				return
			}
			if err == nil && g.Out[axis] != places {
				t.Fatalf("%d windows, want %d: %+v", g.Out[axis], places, g)
			}
		}
		if err != nil {
			t.Fatalf("refused a convolution that fits: %v", err)
		}
	})
}
