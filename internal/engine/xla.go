//go:build cgo && ((linux && (amd64 || arm64)) || (darwin && arm64) || (windows && amd64))

package engine

import (
	"errors"
	"io"
	"path/filepath"
	"strings"
	"sync"

	"github.com/gomlx/compute"
	"github.com/gomlx/go-xla/compute/xla"
	"github.com/gomlx/go-xla/pjrt"
	"k8s.io/klog/v2"
)

// noXLA is why this program has no XLA; empty where it has.
const noXLA = ""

// loadXLA opens a PJRT plugin by its path.
var loadXLA func(path string) (compute.Backend, error) = openPlugin

// loading keeps two plugins from being loaded at the same time: go-xla's
// search of loaded plugins and the silencing of its log are not safe for that.
var loading sync.Mutex

func openPlugin(path string) (compute.Backend, error) {
	if err := checkFolder(path); err != nil {
		return nil, err
	}
	loading.Lock()
	defer loading.Unlock()
	defer silenceLog()()
	xla.EnableAutoInstall(false)
	backend, err := xla.NewWithOptions(path, nil)
	if err != nil {
		return nil, err // never a typed nil
	}
	return backend, nil
}

// checkFolder refuses a plugin's folder that go-xla would misread: it splits
// what it is given at commas, and guesses a plugin's kind from its whole path.
func checkFolder(path string) error {
	folder, file := filepath.Split(path)
	isCPU := func(text string) bool { return strings.Contains(strings.ToLower(text), "cpu") }
	switch {
	case strings.Contains(path, ","):
		return errors.New("there is a comma in its path: move it elsewhere")
	case pjrt.IsCUDAName(folder) && !pjrt.IsCUDAName(file), isCPU(folder) && !isCPU(file):
		return errors.New("its folder is named like another kind of plugin (cpu, cuda, nvidia): move it elsewhere")
	}
	return nil
}

// defaultPlugins returns the plugins where go-xla looks by default: word
// (cpu, cuda) to path.
func defaultPlugins() map[string]string {
	loading.Lock()
	defer loading.Unlock()
	return pjrt.AvailablePlugins()
}

// silenceLog drops go-xla's log lines, which repeat what its errors say,
// until the returned function is called.
func silenceLog() (restore func()) {
	before := klog.CaptureState()
	klog.LogToStderr(false)
	klog.SetOutput(io.Discard)
	return before.Restore
}
