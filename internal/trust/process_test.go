//go:build unix

package trust

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/kafisto/kafisto/internal/engine"
	"github.com/kafisto/kafisto/internal/engine/enginetest"
)

// The program's exit codes, as package cli documents them.
const (
	done         = 0
	failed       = 1
	stoppedCode  = 3
	divergedCode = 4
	atOnce       = 130
)

// full tells that nothing is shortened.
var full = os.Getenv("KAFISTO_TRUST") == "full"

// amount is how often something is done.
func amount(short, whole int) int {
	if full {
		return whole
	}
	return short
}

// built is the program, built once, in a folder that TestMain removes.
var built = sync.OnceValues(func() (string, error) {
	folder, err := os.MkdirTemp("", "kafisto-trust-")
	if err != nil {
		return "", err
	}
	path := filepath.Join(folder, "kafisto")
	if out, err := exec.Command("go", "build", "-o", path, "github.com/kafisto/kafisto/cmd/kafisto").CombinedOutput(); err != nil {
		os.RemoveAll(folder)
		return "", fmt.Errorf("building the program: %w\n%s", err, out)
	}
	builtIn = folder
	return path, nil
})

var builtIn string

func TestMain(m *testing.M) {
	code := m.Run()
	if builtIn != "" {
		os.RemoveAll(builtIn)
	}
	os.Exit(code)
}

// patience is how long the program may take for anything.
const patience = 10 * time.Minute

// process is the program at work.
type process struct {
	*exec.Cmd
	output *bytes.Buffer // to be read once it has ended
	ended  chan struct{}
}

// start starts the program; a test that ends kills it.
func start(t *testing.T, args ...string) *process {
	t.Helper()
	output := new(bytes.Buffer)
	return startInto(t, output, output, args...)
}

// startInto starts the program, which writes what it says to a place; output is what
// the test can read of it.
func startInto(t *testing.T, to io.Writer, output *bytes.Buffer, args ...string) *process {
	t.Helper()
	path, err := built()
	if err != nil {
		t.Fatal(err)
	}
	p := &process{exec.CommandContext(t.Context(), path, args...), output, make(chan struct{})}
	p.Stdout, p.Stderr = to, to
	if err := p.Start(); err != nil {
		t.Fatal(err)
	}
	go func() { _ = p.Wait(); close(p.ended) }()
	return p
}

// code waits until the process has ended and returns its exit code, -1 if it was
// killed.
func (p *process) code(t *testing.T) int {
	t.Helper()
	select {
	case <-p.ended:
		return p.ProcessState.ExitCode()
	case <-time.After(patience):
		t.Fatalf("%v does not end", p.Args)
		return 0
	}
}

// signal sends a signal, which may come after the process has ended.
func (p *process) signal(s syscall.Signal) { _ = p.Process.Signal(s) }

// until waits for something to be true, and returns false if the process ends
// before.
func (p *process) until(t *testing.T, what string, is func() bool) bool {
	t.Helper()
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); {
		if is() {
			return true
		}
		select {
		case <-p.ended:
			return false
		case <-time.After(500 * time.Microsecond):
		}
	}
	t.Fatalf("%v: no %s in %v", p.Args, what, patience)
	return false
}

// succeed runs the program, which must end with exit code 0, and returns what it
// wrote.
func succeed(t *testing.T, args ...string) string {
	t.Helper()
	p := start(t, args...)
	if code := p.code(t); code != done {
		t.Fatalf("kafisto %s: exit code %d\n%s", strings.Join(args, " "), code, p.output)
	}
	return p.output.String()
}

// engines runs a subtest for each engine of the CPU that is there.
func engines(t *testing.T, run func(t *testing.T, name string)) {
	for _, choice := range []engine.Choice{engine.Go, engine.XLACPU} {
		t.Run(string(choice), func(t *testing.T) {
			needs(t, choice)
			run(t, string(choice))
		})
	}
}

// needs skips a test where there is no such engine, or fails if there must be.
func needs(t *testing.T, choice engine.Choice) {
	t.Helper()
	for _, info := range engine.Status(t.Context()) {
		switch {
		case info.Choice != choice || info.Available:
		case os.Getenv(enginetest.RequireXLA) == "1":
			t.Fatal(info.Reason)
		default:
			t.Skip(info.Reason)
		}
	}
}
