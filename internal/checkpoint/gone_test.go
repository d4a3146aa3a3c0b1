package checkpoint

import (
	"errors"
	"testing"
)

// TestReadingWhileItIsPruned: what a run that goes on deletes after it was listed is
// neither damaged nor lost.
func TestReadingWhileItIsPruned(t *testing.T) {
	for name, c := range map[string]struct {
		find func(string, []saved) (*Checkpoint, error)
		step int64
	}{"newest": {newestOf, 6}, "best": {bestOf, 5}} {
		dir, looks := t.TempDir(), 0
		saveAs(t, dir, 1, 1, false)
		saveAs(t, dir, 2, 1, false)
		found, err := settled(dir, func(dir string, all []saved) (*Checkpoint, error) {
			if looks++; looks == 1 {
				for step := int64(3); step <= 6; step++ {
					saveAs(t, dir, step, min(step, 5), false)
				}
			}
			return c.find(dir, all)
		})
		if err != nil || found.Manifest.Step != c.step || len(found.Skipped) > 0 || looks != 2 {
			t.Errorf("%s: %+v, %v after %d looks", name, found, err, looks)
		}
	}
}

// TestGoneAfterLoad: a checkpoint that is deleted between Load and Restore is gone,
// not damaged.
func TestGoneAfterLoad(t *testing.T) {
	dir := t.TempDir()
	save(t, dir, 1, 1)
	c, err := Load(dir)
	if err != nil {
		t.Fatal(err)
	}
	for step := int64(2); step <= 3; step++ {
		save(t, dir, step, 1)
	}
	if err := c.Restore(newStore(t, 3)); !errors.Is(err, ErrGone) {
		t.Errorf("error %v, want ErrGone", err)
	}
}

// TestLostBest: the error says what to do.
func TestLostBest(t *testing.T) {
	dir := t.TempDir()
	saveAs(t, dir, 2, 1, false)
	const want = ": take the newest one, of step 2 (--checkpoint newest)"
	if _, err := LoadBest(dir); err == nil || err.Error() != "checkpoint: "+dir+" has lost the best checkpoint, of step 1"+want {
		t.Errorf("error %v", err)
	}
}
