package engine

import (
	"context"
	"path/filepath"
	"regexp"
	"runtime/debug"
	"strings"

	"github.com/kafisto/kafisto/native"
)

// Info is what is known of one engine without opening it.
type Info struct {
	Choice    Choice `json:"engine"`
	Available bool   `json:"available"`
	Path      string `json:"path,omitempty"`    // of the plugin; empty for go
	Version   string `json:"version,omitempty"` // of the plugin or the Go backend; empty if unknown
	Reason    string `json:"reason,omitempty"`  // why it is not available and what to do, one sentence
}

// Status tells about xla:cuda, xla:cpu and go, in auto's order. It uses no
// network and loads no plugin: an available one may still refuse to start.
func Status(ctx context.Context) []Info {
	return newSite().status(ctx)
}

func (s *site) status(ctx context.Context) []Info {
	return []Info{s.info(ctx, XLACUDA), s.info(ctx, XLACPU), {Choice: Go, Available: true, Version: goVersion()}}
}

func (s *site) info(ctx context.Context, choice Choice) Info {
	info := Info{Choice: choice}
	var err error
	if s.load == nil {
		err = noXLAError(choice)
	} else {
		info.Path, err = s.find(ctx, choice)
	}
	switch {
	case err != nil:
		info.Reason = strings.TrimPrefix(err.Error(), "engine: ")
	case choice == XLACUDA && !s.hasNVIDIA():
		info.Reason = "the plugin is there, but this machine shows no NVIDIA GPU"
	default:
		info.Available = true
	}
	if info.Path != "" {
		info.Version = s.version(info.Path)
	}
	return info
}

// version is what the mark of our own plugin says, or what go-xla's installer
// put into the file name.
func (s *site) version(plugin string) string {
	if plugin == s.ownPlugin() {
		return s.wheel.version
	}
	if real, err := filepath.EvalSymlinks(plugin); err == nil {
		plugin = real
	}
	if match := versionInName.FindStringSubmatch(filepath.Base(plugin)); match != nil {
		return match[1]
	}
	return ""
}

var versionInName = regexp.MustCompile(`_v(\d+(?:\.\d+)*)[_.]`)

// goVersion is the version of the module that holds the Go backend.
func goVersion() string {
	build, ok := debug.ReadBuildInfo()
	if !ok {
		return ""
	}
	for _, module := range build.Deps {
		if module.Path == "github.com/gomlx/compute" {
			return strings.TrimPrefix(module.Version, "v")
		}
	}
	return ""
}

// Build is how this program was built, as far as engines care.
type Build struct {
	SIMD bool `json:"simd"` // with GOEXPERIMENT=simd: the Go backend uses vector instructions
	XLA  bool `json:"xla"`  // with cgo and for a platform of go-xla: XLA can be used
	// Kernels names the instruction set of package native's kernels for xla:cpu
	// on this processor: avx512, avx2 or portable; empty where there are none, and
	// then NoKernels says why. Whether a plugin takes them shows when Open loads it.
	Kernels   string `json:"kernels,omitempty"`
	NoKernels string `json:"no_kernels,omitempty"`
}

// Built returns how this program was built, and which kernels it has by that, by
// the processor and by KAFISTO_KERNELS.
func Built() Build {
	b := Build{SIMD: builtWithSIMD, XLA: noXLA == ""}
	switch {
	case native.Instructions() == "":
		b.NoKernels = "they need cgo and Linux on x86-64 or arm64"
	case kernelsOff():
		b.NoKernels = KernelsVariable + " is off"
	default:
		b.Kernels = native.Instructions()
	}
	return b
}
