package trust

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/kafisto/kafisto/internal/train"
)

// limited runs the program where no file may grow beyond so many KiB.
func limited(t *testing.T, kib int, args ...string) (code int, output string) {
	t.Helper()
	path, err := built()
	if err != nil {
		t.Fatal(err)
	}
	shell := exec.CommandContext(t.Context(), "sh", append([]string{"-c", fmt.Sprintf(`ulimit -f %d; exec "$0" "$@"`, 2*kib), path}, args...)...)
	out, err := shell.CombinedOutput()
	if shell.ProcessState == nil {
		t.Fatal(err)
	}
	return shell.ProcessState.ExitCode(), string(out)
}

// TestFullDisk limits the size of files, so that writing fails in the middle: the
// error is one sentence, what was there before is as it was, and with room again the
// run goes on as if nothing had been.
func TestFullDisk(t *testing.T) {
	t.Parallel()
	const total = 30
	began := func(dir string, saveEvery int) {
		succeed(t, training("go", "sgd", image, dir, steps(4), "--eval-every=1000", fmt.Sprintf("--save-every=%d", saveEvery))...)
	}
	whole := filepath.Join(t.TempDir(), "whole")
	began(whole, 1000)
	succeed(t, resuming(whole, steps(total))...)
	for name, c := range map[string]struct {
		saveEvery, kib int
		names          string // what the sentence names
	}{
		"checkpoint": {6, 60, "not saved"},
		"log":        {1000, 2, train.LogFile},
	} {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "run")
			began(dir, c.saveEvery)
			before := sums(t, dir)
			code, said := limited(t, c.kib, resuming(dir, steps(total))...)
			if code != failed || strings.Count(said, "\n") != 1 || !strings.Contains(said, c.names) || !strings.Contains(said, syscall.EFBIG.Error()) {
				t.Errorf("exit code %d, said %q", code, said)
			}
			if after := sums(t, dir); after != before {
				t.Errorf("the checkpoints were\n%sand are\n%s", before, after)
			}
			if left := staging(dir); len(left) > 0 {
				t.Errorf("left behind: %v", left)
			}
			succeed(t, resuming(dir, steps(total))...)
			same(t, whole, dir, total)
		})
	}
	t.Run("report", func(t *testing.T) {
		page := filepath.Join(whole, "report.html")
		before, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		code, said := limited(t, 8, "report", whole)
		if code != failed || strings.Count(said, "kafisto: ") != 1 || !strings.Contains(said, syscall.EFBIG.Error()) {
			t.Errorf("exit code %d, said %q", code, said)
		}
		if after, err := os.ReadFile(page); err != nil || string(after) != string(before) {
			t.Errorf("the report was touched (%v)", err)
		}
	})
}

// TestFullFilesystem trains on a small file system until it is full. It needs the
// right to mount one.
func TestFullFilesystem(t *testing.T) {
	const total = 60
	small, whole := t.TempDir(), filepath.Join(t.TempDir(), "whole")
	if err := syscall.Mount("tmpfs", small, "tmpfs", 0, "size=600k"); err != nil {
		t.Skipf("no small file system can be mounted: %v", err)
	}
	t.Cleanup(func() { _ = syscall.Unmount(small, 0) })
	dir := filepath.Join(small, "run")
	args := training("go", "kafisto", language, dir, steps(total), "--eval-every=20", "--save-every=5")
	p := start(t, args...)
	if code := p.code(t); code != failed || !strings.Contains(p.output.String(), syscall.ENOSPC.Error()) || !strings.Contains(p.output.String(), "free space") {
		t.Fatalf("exit code %d, said %q", code, p.output)
	}
	if logged(dir) == 0 {
		t.Fatal("the file system is too small for a step")
	}
	if err := syscall.Mount("tmpfs", small, "tmpfs", syscall.MS_REMOUNT, "size=20m"); err != nil {
		t.Fatal(err)
	}
	succeed(t, resuming(dir)...)
	succeed(t, training("go", "kafisto", language, whole, steps(total), "--eval-every=20", "--save-every=5")...)
	same(t, whole, dir, total)
}
