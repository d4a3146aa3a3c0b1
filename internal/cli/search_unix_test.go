//go:build unix

package cli

import (
	"maps"
	"sync"
	"testing"
)

// manySteps are a search of four runs of 9 steps.
func manySteps(dir string) []string {
	return searching(dir, "--over=learning-rate=0.01,0.1", "--over=momentum=0,0.9", "--steps=9", "--save-every=2", "--augment")
}

// TestSearchKilled kills a search again and again: in the end its results are those
// of one that was left alone, and no finished run was touched again.
func TestSearchKilled(t *testing.T) {
	alone, killed := t.TempDir(), t.TempDir()
	want := succeed(t, manySteps(alone)...)
	killThrice(t, killed, manySteps(killed)...)
	before := finished(t, killed)
	if len(before) == 0 || len(before) == 4 {
		t.Fatalf("%d runs were finished before the last kill", len(before))
	}
	succeed(t, manySteps(killed)...)
	if !maps.Equal(results(t, alone), results(t, killed)) {
		t.Error("the results are not those of the search that was left alone")
	}
	if a, b := readFound(t, alone).Trials, readFound(t, killed).Trials; len(a) != 4 || len(b) != 4 || a[0].Trial != b[0].Trial || a[0].Best != b[0].Best {
		t.Errorf("found %+v and %+v\n%s", a, b, want.stdout)
	}
	after := finished(t, killed)
	for path, text := range before {
		if after[path] != text {
			t.Errorf("%s was finished, and was touched again", path)
		}
	}
}

// TestSearchShared gives the command to three processes at once: each run is done
// by one of them, once.
func TestSearchShared(t *testing.T) {
	alone, shared := t.TempDir(), t.TempDir()
	succeed(t, manySteps(alone)...)
	var wg sync.WaitGroup
	for range 3 {
		p := process(t, manySteps(shared)...)
		wg.Go(func() {
			if out, err := p.CombinedOutput(); err != nil {
				t.Errorf("%v\n%s", err, out)
			}
		})
	}
	wg.Wait()
	if !maps.Equal(results(t, alone), results(t, shared)) || starts(t, shared) != 4 {
		t.Errorf("the results are not those of one process, or runs were started twice: %d", starts(t, shared))
	}
}
