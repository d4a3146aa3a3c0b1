package engine

import (
	"context"
	"debug/elf"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"

	"github.com/gomlx/compute"
	"github.com/gomlx/go-xla/installer"

	"github.com/kafisto/kafisto/native"
)

// searchVariable names the environment variable with folders of PJRT plugins,
// the same as go-xla's.
const searchVariable = "PJRT_PLUGIN_LIBRARY_PATH"

// missingError says that a plugin is not there, or that the one that this
// package installed is not whole: installing it helps.
type missingError struct {
	choice Choice
	reason string
}

func (e *missingError) Error() string {
	return fmt.Sprintf("engine: %s: run `kafisto engine install %s`, or name the plugin's folder in %s", e.reason, e.choice, searchVariable)
}

func isMissing(err error) bool {
	var missing *missingError
	return errors.As(err, &missing)
}

// site is the machine as this package sees it. Tests make their own.
type site struct {
	folder    string                                     // where the CPU plugin is installed; empty without a cache folder
	search    []string                                   // folders looked at first
	defaults  func() map[string]string                   // plugins that go-xla finds by itself: cpu, cuda to path
	hasNVIDIA func() bool                                // whether there seems to be an NVIDIA GPU
	wheel     *wheel                                     // the CPU plugin's source; nil where none is pinned
	load      func(path string) (compute.Backend, error) // opens a plugin; nil in a program without XLA

	kernels        func(compute.Backend) (compute.Backend, error) // adds kernels to the CPU plugin's backend
	goXLAInstaller func(plugin string) error                      // installs where defaults looks
}

// newSite describes this machine.
func newSite() *site {
	s := &site{
		search:    searchFolders(),
		defaults:  defaultPlugins,
		hasNVIDIA: hasNVIDIA,
		load:      loadXLA,
		kernels:   native.Wrap,
		goXLAInstaller: func(plugin string) error {
			return installer.AutoInstallPlugin(plugin, "", false, installer.Quiet)
		},
	}
	if cache, err := os.UserCacheDir(); err == nil {
		s.folder = filepath.Join(cache, "kafisto", "pjrt")
	}
	if runtime.GOOS == "linux" && runtime.GOARCH == "amd64" {
		s.wheel = cpuWheel()
	}
	return s
}

// searchFolders returns the folders that the environment names, absolute:
// go-xla takes a relative path for a plugin's name.
func searchFolders() []string {
	var folders []string
	for _, folder := range filepath.SplitList(os.Getenv(searchVariable)) {
		if absolute, err := filepath.Abs(folder); folder != "" && err == nil {
			folders = append(folders, absolute)
		}
	}
	return folders
}

// hasNVIDIA looks for the files of NVIDIA's driver: a Linux machine or
// container, and Linux under Windows.
func hasNVIDIA() bool {
	for _, path := range []string{"/dev/nvidiactl", "/proc/driver/nvidia/version", "/usr/lib/wsl/lib/libcuda.so.1"} {
		if _, err := os.Stat(path); err == nil {
			return true
		}
	}
	return false
}

// find returns the path of the choice's plugin, or an error that says why
// there is none and what to do: a missingError where Install would help. The
// path comes with the error where a file is there but cannot be used.
func (s *site) find(ctx context.Context, choice Choice) (string, error) {
	for _, folder := range s.search {
		for _, name := range pluginFiles(choice) {
			path := filepath.Join(folder, name)
			if isFile(path) {
				return path, checkLibrary(path)
			}
		}
	}
	missing := &missingError{choice, "no plugin for " + string(choice) + " is installed"}
	if own := s.ownPlugin(); choice == XLACPU && isFile(own) {
		err := s.wheel.verify(ctx, own)
		if err == nil {
			return own, nil
		}
		if ctx.Err() != nil {
			return "", ctx.Err()
		}
		missing.reason = err.Error()
	}
	if path := s.defaults()[choice.plugin()]; path != "" {
		return path, checkLibrary(path)
	}
	return "", missing
}

// ownPlugin is the path of the CPU plugin that this package installs.
func (s *site) ownPlugin() string {
	if s.folder == "" || s.wheel == nil {
		return ""
	}
	return filepath.Join(s.folder, s.wheel.file)
}

// pluginFiles returns the file names that a plugin may have.
func pluginFiles(choice Choice) []string {
	word := choice.plugin()
	extension := map[string]string{"darwin": ".dylib", "windows": ".dll"}[runtime.GOOS]
	if extension == "" {
		extension = ".so"
	}
	names := []string{
		"pjrt_c_api_" + word + "_plugin" + extension,
		"pjrt_plugin_" + word + extension,
		"pjrt-plugin-" + word + extension,
		"xla_" + word + "_plugin" + extension, // as JAX's packages have it
	}
	if runtime.GOOS == "darwin" { // go-xla's own archive for macOS
		names = append(names, "pjrt_c_api_"+word+"_plugin.so")
	}
	return names
}

func isFile(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular()
}

// checkLibrary refuses a file that is no whole shared library. The system's
// loader maps what the file's headers promise, and a file cut short ends the
// whole process. Only the format of Linux is checked.
func checkLibrary(path string) error {
	if runtime.GOOS != "linux" {
		return nil
	}
	info, err := os.Stat(path)
	if err != nil {
		return fmt.Errorf("engine: plugin %s cannot be read: %w", path, err)
	}
	file, err := elf.Open(path)
	if err != nil {
		return fmt.Errorf("engine: plugin %s is no shared library (%w): replace it", path, err)
	}
	defer file.Close()
	for _, segment := range file.Progs {
		if end := segment.Off + segment.Filesz; end < segment.Off || end > uint64(info.Size()) {
			return fmt.Errorf("engine: plugin %s is cut short at %d bytes: replace it", path, info.Size())
		}
	}
	return nil
}
