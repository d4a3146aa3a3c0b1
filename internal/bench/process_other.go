//go:build !unix

package bench

import (
	"os"
	"os/exec"
)

// killAlso leaves the command as it is: what it starts may go on when it is
// stopped.
func killAlso(*exec.Cmd) {}

// peakMemory is not known.
func peakMemory(*os.ProcessState) int64 { return 0 }
