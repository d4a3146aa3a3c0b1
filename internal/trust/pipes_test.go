//go:build unix

package trust

import (
	"bytes"
	"errors"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"testing"
)

// endless is training that only a signal ends; it evaluates and saves every so many
// steps.
func endless(dir, evalEvery, saveEvery string) []string {
	return training("go", "kafisto", image, dir, steps(1_000_000), "--eval-every="+evalEvery, "--save-every="+saveEvery)
}

// TestLostReader: Ctrl-C on `kafisto train | tee log` ends tee as well, and a closed
// terminal takes with it what the program writes to. Neither keeps a run from being
// saved.
func TestLostReader(t *testing.T) {
	t.Parallel()
	for _, s := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP} {
		if signal.Ignored(s) {
			continue // nohup has the program ignore SIGHUP too, as it should
		}
		dir := filepath.Join(t.TempDir(), "run")
		reader, writer, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		p := startInto(t, writer, new(bytes.Buffer), append(endless(dir, "2", "1000000"), "--quiet=false")...)
		writer.Close()
		p.until(t, "step", func() bool { return logged(dir) > 0 })
		reader.Close()
		before := logged(dir)
		p.until(t, "evaluations that nobody reads", func() bool { return logged(dir) > before+4 })
		p.stop(t, s, func() {})
		saved(t, dir)
	}
}

// TestFullPipe: a reader that does not read keeps neither the run from being saved nor
// the second signal from ending the program.
func TestFullPipe(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "run")
	p := startInto(t, fullPipe(t), new(bytes.Buffer), endless(dir, "1000000", "1000000")...)
	p.until(t, "step", func() bool { return logged(dir) > 0 })
	p.signal(syscall.SIGTERM)
	p.until(t, "checkpoint", func() bool { return readLog(t, dir).End != nil })
	saved(t, dir)
	p.signal(syscall.SIGTERM)
	if code := p.code(t); code != atOnce {
		t.Errorf("exit code %d, want %d", code, atOnce)
	}
}

// fullPipe is the writing end of a pipe that takes no more, and that nobody reads.
func fullPipe(t *testing.T) *os.File {
	t.Helper()
	var ends [2]int
	if err := errors.Join(syscall.Pipe(ends[:]), syscall.SetNonblock(ends[1], true)); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { syscall.Close(ends[0]) })
	for err := error(nil); err == nil; {
		_, err = syscall.Write(ends[1], make([]byte, 512))
	}
	if err := syscall.SetNonblock(ends[1], false); err != nil {
		t.Fatal(err)
	}
	writer := os.NewFile(uintptr(ends[1]), "full pipe")
	t.Cleanup(func() { writer.Close() })
	return writer
}
