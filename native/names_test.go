package native

import (
	"reflect"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/kafisto/kafisto/internal/alloctest"
)

// TestFunctionName: parseKernel reads what functionName writes.
func TestFunctionName(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		k := kernel{name: rapid.StringMatching(`[a-z_]+`).Draw(t, "name")}
		k.geometry = rapid.SliceOfN(rapid.Int64Min(0), 0, 20).Draw(t, "geometry")
		for range rapid.IntRange(0, 5).Draw(t, "pairs") {
			k.inPlace = append(k.inPlace, [2]int{rapid.IntRange(0, 1000).Draw(t, "output"), rapid.IntRange(0, 1000).Draw(t, "input")})
		}
		if len(k.geometry) == 0 {
			k.geometry = nil
		}
		name := k.functionName(rapid.IntRange(0, 1000).Draw(t, "serial"))
		if strings.Trim(name, "abcdefghijklmnopqrstuvwxyz0123456789._") != "" {
			t.Errorf("%q is no identifier of StableHLO", name)
		}
		got := parseKernel(name)
		if got == nil || !reflect.DeepEqual(*got, k) {
			t.Errorf("%q is read as %v, want %v", name, got, k)
		}
	})
}

// TestNoKernels: functions that stand for none.
func TestNoKernels(t *testing.T) {
	for _, name := range []string{"", "main", "closure.1", "kafisto", "kafisto.1.sums.5", "kafisto.1.sums.5.1_2.x", "other.1.sums.5.1_2",
		"kafisto.1.sums.5x.", "kafisto.1.sums.5.1", "kafisto.1.sums.5.1_", "kafisto.1.sums._5.", "kafisto.1.sums.5.1_-2",
		"kafisto.1.sums.99999999999999999999.", "kafisto.1.sums.5.4294967296_4294967296"} {
		if k := parseKernel(name); k != nil {
			t.Errorf("%q is read as %+v", name, k)
		}
	}
}

// FuzzParseKernel: whatever is read is written as a name that reads the same.
func FuzzParseKernel(f *testing.F) {
	f.Add("kafisto.0.filter_sums.5_7.")
	f.Add(kernel{"direct_forward", []int64{1, 2, 3}, [][2]int{{0, 1}, {1, 5}}}.functionName(3))
	f.Add("kafisto.+1..-0.-1_1")
	f.Fuzz(func(t *testing.T, name string) {
		var k *kernel
		alloctest.Within(t, 1<<20+64*len(name), func() { k = parseKernel(name) })
		if k == nil {
			return
		}
		for _, pair := range k.inPlace {
			if pair[0] < 0 || pair[1] < 0 {
				t.Errorf("%q has a place below 0: %v", name, k.inPlace)
			}
		}
		if again := parseKernel(k.functionName(1)); again == nil || !reflect.DeepEqual(*again, *k) {
			t.Errorf("%q is read as %+v, and written and read again as %+v", name, k, again)
		}
	})
}
