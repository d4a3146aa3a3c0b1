package checkpoint

import (
	"errors"
	"os"
	"os/exec"
	"strings"
	"testing"
)

const (
	crashPoint = "KAFISTO_TEST_CRASH_POINT"
	crashDir   = "KAFISTO_TEST_CRASH_DIR"
	crashCode  = 77
)

// TestMain turns this binary into a process that dies at a point of Save.
func TestMain(m *testing.M) {
	if point := os.Getenv(crashPoint); point != "" {
		reached = func(p string) {
			if p == point {
				os.Exit(crashCode) // runs no deferred function, flushes nothing
			}
		}
		Save(os.Getenv(crashDir), newStore(&testing.T{}, 3), Meta{Step: 3})
		os.Exit(1)
	}
	os.Exit(m.Run())
}

// TestCrashAnywhere kills a process at every point of Save.
func TestCrashAnywhere(t *testing.T) {
	var points []string
	reached = func(p string) { points = append(points, p) }
	defer func() { reached = func(string) {} }()
	dir := t.TempDir()
	for step := int64(1); step <= 3; step++ {
		save(t, dir, step, 1)
	}
	reached = func(string) {}
	seen := map[string]bool{}
	for _, point := range points {
		if seen[point] {
			continue
		}
		seen[point] = true
		t.Run(point, func(t *testing.T) {
			dir := t.TempDir()
			save(t, dir, 1, 1)
			save(t, dir, 2, 2)
			child := exec.Command(os.Args[0])
			child.Env = append(os.Environ(), crashPoint+"="+point, crashDir+"="+dir)
			var exit *exec.ExitError
			if err := child.Run(); !errors.As(err, &exit) || exit.ExitCode() != crashCode {
				t.Fatalf("child: %v", err)
			}
			c, store := load(t, dir)
			step := c.Manifest.Step
			if step < 2 || len(c.Skipped) > 0 || dump(t, store) != dump(t, newStore(t, uint64(step))) {
				t.Errorf("loaded step %d, skipped %v", step, c.Skipped)
			}
			save(t, dir, 4, 4)
			save(t, dir, 5, 5)
			if got := names(t, dir); got != "step-000000004 step-000000005" {
				t.Errorf("later saves left %s", got)
			}
		})
	}
	for _, want := range strings.Split("staged,variables written,manifest written,complete,renamed,pruning,deleting", ",") {
		if !seen[want] {
			t.Errorf("point %q was not tried", want)
		}
	}
}
