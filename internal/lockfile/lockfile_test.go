package lockfile

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

const childDir = "KAFISTO_TEST_LOCK_DIR"

// TestMain turns this binary into a process that holds a lock until it is killed.
func TestMain(m *testing.M) {
	if dir := os.Getenv(childDir); dir != "" {
		if _, err := Lock(dir); err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		fmt.Println("locked")
		time.Sleep(time.Minute)
		os.Exit(1)
	}
	os.Exit(m.Run())
}

func TestSecondLockIsRefused(t *testing.T) {
	dir := t.TempDir()
	unlock, err := Lock(dir)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Lock(dir); !errors.Is(err, ErrLocked) {
		t.Errorf("second lock: error %v, want ErrLocked", err)
	}
	unlock()
	unlock()
	again, err := Lock(dir)
	if err != nil {
		t.Fatalf("after unlock: %v", err)
	}
	again()
}

func TestMissingFolder(t *testing.T) {
	if _, err := Lock(filepath.Join(t.TempDir(), "missing")); err == nil || errors.Is(err, ErrLocked) {
		t.Errorf("error %v, want one about the missing folder", err)
	}
}

func TestCrashReleases(t *testing.T) {
	dir := t.TempDir()
	child := exec.Command(os.Args[0])
	child.Env = append(os.Environ(), childDir+"="+dir)
	out, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	line, _ := bufio.NewReader(out).ReadString('\n')
	if line != "locked\n" {
		t.Fatalf("child says %q", line)
	}
	if _, err := Lock(dir); !errors.Is(err, ErrLocked) {
		t.Errorf("while the child lives: error %v, want ErrLocked", err)
	}
	child.Process.Kill()
	child.Wait()
	unlock, err := Lock(dir)
	if err != nil {
		t.Fatalf("after the child was killed: %v", err)
	}
	unlock()
}

func TestLockFileWaits(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file.lock")
	unlock, err := LockFile(path, time.Second)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := LockFile(path, 50*time.Millisecond); !errors.Is(err, ErrLocked) {
		t.Errorf("while it is held: error %v, want ErrLocked", err)
	}
	time.AfterFunc(50*time.Millisecond, unlock)
	again, err := LockFile(path, time.Minute)
	if err != nil {
		t.Fatalf("after unlock: %v", err)
	}
	again()
	if _, err := LockFile(filepath.Join(path, "missing"), time.Second); err == nil || errors.Is(err, ErrLocked) {
		t.Errorf("in a folder that is not there: error %v", err)
	}
}

func TestWatchTellsOfAnotherFile(t *testing.T) {
	dir := t.TempDir()
	unlock, err := Lock(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer unlock()
	check, err := Watch(dir)
	if err != nil || check() != nil {
		t.Fatal(err, check())
	}
	if err := os.Remove(filepath.Join(dir, Name)); err != nil {
		t.Skipf("the file cannot be deleted while it is locked: %v", err)
	}
	if check() == nil {
		t.Error("it is not there any more")
	}
	other, err := Lock(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer other()
	if check() == nil {
		t.Error("it is another file")
	}
}
