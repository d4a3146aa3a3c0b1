// Package disktest lets tests see a full disk: the kernel refuses to write more
// than so many bytes of any file; and pipes in the place of files.
package disktest

import (
	"os"
	"os/exec"
	"testing"
)

const envAlone = "KAFISTO_TEST_ALONE"

// Alone runs the calling test again in a process of its own, whose result it
// takes, and returns true; in that process it returns false. A limit on files
// would also hit the log that the go command has a test process write.
//
//	if disktest.Alone(t) {
//		return
//	}
func Alone(t *testing.T) bool {
	t.Helper()
	if os.Getenv(envAlone) != "" {
		return false
	}
	cmd := exec.Command(os.Args[0], "-test.run=^"+t.Name()+"$", "-test.v")
	cmd.Env = append(os.Environ(), envAlone+"=1")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
	return true
}
