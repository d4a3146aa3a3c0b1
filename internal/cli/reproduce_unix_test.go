//go:build unix

package cli

import (
	"context"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/kafisto/kafisto/internal/experiment"
)

const processVariable = "KAFISTO_TEST_PROCESS"

// process is the command as a process of its own.
func process(t *testing.T, args ...string) *exec.Cmd {
	c := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestProcess$")
	c.Env = append(os.Environ(), processVariable+"="+strings.Join(args, "\x1f"))
	return c
}

// TestProcess is that process.
func TestProcess(t *testing.T) {
	args, asked := os.LookupEnv(processVariable)
	if !asked {
		t.Skip("this is the process that other tests start")
	}
	os.Exit(Main(context.Background(), strings.Split(args, "\x1f"), strings.NewReader(""), os.Stdout, os.Stderr))
}

// TestReproduceKilled kills a grid as a crash does, again and again, each time
// once some more has been done, and starts it again: in the end its results are
// those of a grid that was left alone, and no finished run was touched again.
func TestReproduceKilled(t *testing.T) {
	grid, alone, killed := write(t, "tiny.json", tinyGrid), t.TempDir(), t.TempDir()
	succeed(t, reproduce(grid, alone)...)
	killThrice(t, killed, reproduce(grid, killed)...)
	before := finished(t, killed)
	if len(before) == 0 || len(before) == 4 {
		t.Fatalf("%d runs were finished before the last kill", len(before))
	}
	succeed(t, reproduce(grid, killed)...)
	if !maps.Equal(results(t, alone), results(t, killed)) {
		t.Error("the results are not those of the grid that was left alone")
	}
	after := finished(t, killed)
	for path, text := range before {
		if after[path] != text {
			t.Errorf("%s was finished, and was touched again", path)
		}
	}
}

// killThrice starts a command that works in a results folder three times, and kills
// it each time once it has done seven more steps.
func killThrice(t *testing.T, dir string, args ...string) {
	t.Helper()
	done := 0
	for range 3 {
		p := process(t, args...)
		if err := p.Start(); err != nil {
			t.Fatal(err)
		}
		ended := make(chan struct{})
		go func() { _ = p.Wait(); close(ended) }()
		for target := done + 7; done < target; {
			select {
			case <-ended:
				t.Fatalf("it ended after %d steps", done)
			case <-t.Context().Done():
				t.Fatal("the test was stopped")
			case <-time.After(time.Millisecond):
			}
			done = max(done, stepsIn(dir))
		}
		if err := p.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		<-ended
	}
}

// stepsIn counts the lines of all logs of a results folder that are steps, while
// they are written.
func stepsIn(dir string) (n int) {
	logs, _ := filepath.Glob(filepath.Join(dir, experiment.RunsFolder, "*", "log.jsonl"))
	for _, path := range logs {
		text, _ := os.ReadFile(path)
		n += strings.Count(string(text), `"type":"step"`)
	}
	return n
}

// finished are the logs of the runs that are.
func finished(t *testing.T, dir string) map[string]string {
	t.Helper()
	all := map[string]string{}
	logs, err := filepath.Glob(filepath.Join(dir, experiment.RunsFolder, "*", "log.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range logs {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(text), `"status":"finished"`) {
			all[path] = string(text)
		}
	}
	return all
}

// TestReproduceShared gives the command to three processes at once: each run is
// done by one of them, once.
func TestReproduceShared(t *testing.T) {
	grid, alone, shared := write(t, "tiny.json", tinyGrid), t.TempDir(), t.TempDir()
	succeed(t, reproduce(grid, alone)...)
	var wg sync.WaitGroup
	for range 3 {
		p := process(t, reproduce(grid, shared)...)
		wg.Go(func() {
			if out, err := p.CombinedOutput(); err != nil {
				t.Errorf("%v\n%s", err, out)
			}
		})
	}
	wg.Wait()
	if !maps.Equal(results(t, alone), results(t, shared)) {
		t.Error("the results are not those of one process")
	}
	if n := starts(t, shared); n != 4 {
		t.Errorf("4 runs were started %d times", n)
	}
}
