package cli

import (
	"fmt"
	"os"
	"runtime"
	"strings"

	"github.com/kafisto/kafisto/internal/job"
)

// about says who starts a run, and where; the group is for the caller to add.
func about(args []string) job.About {
	b := thisBuild()
	return job.About{Command: commandLine(args), Version: b.Version, Commit: b.Commit, Machine: machine()}
}

// machine describes this machine in one line. Processor and memory are left
// out where the system does not tell them as Linux does.
func machine() string {
	processor := field("/proc/cpuinfo", "model name")
	if processor == "" {
		processor = runtime.GOOS + "/" + runtime.GOARCH
	}
	line := fmt.Sprintf("%s, %d cores", processor, runtime.NumCPU())
	var kilobytes int64
	if n, _ := fmt.Sscanf(field("/proc/meminfo", "MemTotal"), "%d kB", &kilobytes); n == 1 {
		line += fmt.Sprintf(", %.1f GB memory", float64(kilobytes)/(1<<20))
	}
	return line
}

// field is the first value of a name in a file of lines "name : value".
func field(path, name string) string {
	text, err := os.ReadFile(path)
	if err != nil {
		return ""
	}
	for line := range strings.Lines(string(text)) {
		if key, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(key) == name {
			return strings.TrimSpace(value)
		}
	}
	return ""
}
