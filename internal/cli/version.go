package cli

import (
	"runtime"
	"runtime/debug"
	"strings"

	"github.com/kafisto/kafisto/internal/engine"
)

// versionCommand shows what the program is.
type versionCommand struct{}

// build is what the program knows of itself.
type build struct {
	Type    string `json:"type"`
	Version string `json:"version"`
	Commit  string `json:"commit,omitempty"` // of the source; "+changes" when that was edited
	Go      string `json:"go"`
	GoMLX   string `json:"gomlx,omitempty"`
	System  string `json:"system"`            // operating system and architecture
	SIMD    bool   `json:"simd"`              // the Go backend uses vector instructions
	CGO     bool   `json:"cgo"`               // XLA can be used
	Kernels string `json:"kernels,omitempty"` // instruction set of the kernels for xla:cpu on this processor
}

// Run prints version, commit, Go, GoMLX, how the program was built, and which
// kernels it has.
func (versionCommand) Run(s *session) error {
	b := thisBuild()
	if s.json {
		s.object(b)
		return nil
	}
	s.line("kafisto %s", b.Version)
	s.line("commit  %s", orUnknown(b.Commit))
	s.line("go      %s, %s", b.Go, b.System)
	s.line("gomlx   %s", orUnknown(b.GoMLX))
	s.line("simd    %s", yesNo(b.SIMD))
	s.line("cgo     %s", yesNo(b.CGO))
	s.line("kernels %s", orNone(b.Kernels))
	return nil
}

// thisBuild reads what the Go toolchain wrote into the program.
func thisBuild() build {
	b := build{
		Type: "version", Version: "devel", Go: runtime.Version(), System: runtime.GOOS + "/" + runtime.GOARCH,
		SIMD: engine.Built().SIMD, CGO: engine.Built().XLA, Kernels: engine.Built().Kernels,
	}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return b
	}
	if v := info.Main.Version; v != "" && v != "(devel)" {
		b.Version = strings.TrimPrefix(v, "v")
	}
	changed := ""
	for _, setting := range info.Settings {
		switch setting.Key {
		case "vcs.revision":
			b.Commit = setting.Value
		case "vcs.modified":
			if setting.Value == "true" {
				changed = "+changes"
			}
		case "CGO_ENABLED":
			b.CGO = setting.Value == "1"
		}
	}
	if b.Commit != "" {
		b.Commit += changed
	}
	for _, module := range info.Deps {
		if module.Path == "github.com/gomlx/gomlx" {
			b.GoMLX = strings.TrimPrefix(module.Version, "v")
		}
	}
	return b
}

func orUnknown(text string) string {
	if text == "" {
		return "unknown"
	}
	return text
}

func orNone(text string) string {
	if text == "" {
		return "none"
	}
	return text
}

func yesNo(is bool) string {
	if is {
		return "yes"
	}
	return "no"
}
