package job

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/kafisto/kafisto/internal/runlog"
	"github.com/kafisto/kafisto/internal/train"
)

// TestOtherGround: all that may change a run's last bits is told of, and nothing else.
func TestOtherGround(t *testing.T) {
	before := runlog.Start{Type: runlog.TypeStart, Version: "1", Go: "go1", GoMLX: "v1", Engine: "xla:cpu", Kernels: "avx2", Cores: 2}
	for want, change := range map[string]func(*runlog.Start){
		"":                              func(s *runlog.Start) { s.Step, s.Time, s.Retries = 7, "later", 1 },
		"(engine was xla:cpu, now go)":  func(s *runlog.Start) { s.Engine, s.Kernels = "go", "" },
		"(kernels was avx2, now none)":  func(s *runlog.Start) { s.Kernels = "none" },
		"(cores was 2, now 4)":          func(s *runlog.Start) { s.Cores = 4 },
		"(Go was go1, now go2)":         func(s *runlog.Start) { s.Go = "go2" },
		"(GoMLX was v1, now v2)":        func(s *runlog.Start) { s.GoMLX = "v2" },
		"(version was 1, now 2)":        func(s *runlog.Start) { s.Version = "2" },
		"now 4; Go was go1, now go2): ": func(s *runlog.Start) { s.Cores, s.Go = 4, "go2" },
	} {
		dir := t.TempDir()
		now := before
		change(&now)
		log, err := runlog.OpenWriter(filepath.Join(dir, train.LogFile), 0, -1)
		if err != nil {
			t.Fatal(err)
		}
		if err := log.Append(before); err != nil {
			t.Fatal(err)
		}
		if err := log.Close(); err != nil {
			t.Fatal(err)
		}
		got := otherGround(dir, now)
		if want == "" && got != "" || !strings.Contains(got, want) || want != "" && !strings.Contains(got, "may differ in the last bits") {
			t.Errorf("%q, want %q", got, want)
		}
	}
	if got := otherGround(t.TempDir(), before); got != "" {
		t.Errorf("without a log: %q", got)
	}
}
