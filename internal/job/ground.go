package job

import (
	"fmt"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/kafisto/kafisto/internal/runlog"
	"github.com/kafisto/kafisto/internal/train"
)

// otherGround says in a line with what a run goes on, where that is not what it was
// done with last; "" where all is the same, or the log cannot be read, which the run
// itself will find out. What a log does not know is not compared.
func otherGround(dir string, now runlog.Start) string {
	log, err := runlog.Read(filepath.Join(dir, train.LogFile))
	if err != nil || len(log.Starts) == 0 {
		return ""
	}
	before := log.Starts[len(log.Starts)-1]
	var changes []string
	for _, of := range []struct{ what, before, now string }{
		{"engine", before.Engine, now.Engine},
		{"kernels", before.Kernels, now.Kernels},
		{"cores", number(before.Cores), number(now.Cores)},
		{"Go", before.Go, now.Go},
		{"GoMLX", before.GoMLX, now.GoMLX},
		{"version", before.Version, now.Version},
	} {
		if of.before != of.now && of.before != "" && of.now != "" {
			changes = append(changes, fmt.Sprintf("%s was %s, now %s", of.what, of.before, of.now))
		}
	}
	if len(changes) == 0 {
		return ""
	}
	return fmt.Sprintf("resuming with something else (%s): the results may differ in the last bits from those of an uninterrupted run", strings.Join(changes, "; "))
}

// number is a number as text; "" for 0, which nobody has noted.
func number(n int) string {
	if n == 0 {
		return ""
	}
	return strconv.Itoa(n)
}
