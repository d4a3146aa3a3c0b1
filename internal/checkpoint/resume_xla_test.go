//go:build cgo

package checkpoint

import (
	"os"
	"testing"

	_ "github.com/gomlx/go-xla/compute/xla"
)

func TestResumeXLA(t *testing.T) {
	if os.Getenv("PJRT_PLUGIN_LIBRARY_PATH") == "" {
		t.Skip("PJRT_PLUGIN_LIBRARY_PATH names no folder with the XLA plugin")
	}
	testResume(t, "xla:cpu", 4)
	testResume(t, "xla:cpu,shared_buffers=false", 4) // as on a GPU: values must be copied to be read
}
